"""`devtools restart [SERVICE…]`: stop and start, with the definitions as the files have them now.

It must not touch services that were not asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from devtools import console
from devtools.cli.agree import agree
from devtools.cli.progress import Progress
from devtools.cli.settle import settle
from devtools.errors import WrongUse
from devtools.session import is_within, need_supervisor, open_session
from devtools.verbs import TRUST

if TYPE_CHECKING:
    import typer


def command(
    names: Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...")] = None,
    trust: Annotated[bool, typer.Option("--trust", help=TRUST)] = False,
) -> int:
    """Restart services (all that run, where none is named) and wait until they are ready."""
    session = open_session()
    status = need_supervisor(session)
    running = [
        node["id"] for node in status["nodes"] if node["kind"] == "service" and node["phase"] != "stopped"
    ]
    for name in names or []:
        node = next((node for node in status["nodes"] if node["id"] == name), None)
        if node is not None and node["kind"] == "task":
            raise WrongUse(f"`{name}` is a task", hint=f"devtools task start {name}")
    body: dict[str, Any] = {"ids": names or running}
    if not is_within(session):
        agree(session, "restart", trusted=trust)
        body["plan"] = session.plan().to_json()
    settle(session.client.stream("/v1/restart", body), Progress())
    console.say(f"restarted {', '.join(names or running)}")
    return 0
