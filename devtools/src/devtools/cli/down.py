"""`devtools down`: everything stops in reverse order, and nothing is left behind.

It must say "stopped" only when the processes are gone.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

from devtools import console
from devtools.cli.interrupt import Interrupts
from devtools.cli.progress import Progress
from devtools.errors import FAILED, INTERRUPTED, DevtoolsError, WrongUse
from devtools.instances import before_down
from devtools.session import Session, has_leftovers, launched, open_session
from devtools.supervisor import launch
from devtools.supervisor.client import Lost

if TYPE_CHECKING:
    import typer


def command(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing while it works.")] = False,
) -> int:
    """Stop every service and task in reverse order and end the supervisor."""
    session = open_session()
    for name in before_down(session.workspace):
        console.say(f"instance {name} is stopped: its database is here")
    if session.client.is_there():
        return _bring_down(session, Progress(quiet=quiet))
    if not has_leftovers(session.workspace):
        console.say("containers are removed" if _sweep(session) else "nothing is running here")
        session.forget_given()
        return 0
    console.say("the supervisor is gone; ends what it left behind")
    started = launched(session)
    if started is not None:
        launch.await_ready(started, session.workspace.state_dir)
    status = _bring_down(session, Progress(quiet=quiet))
    _sweep(session)
    return status


def _sweep(session: Session) -> int:
    """Remove containers, which outlive a killed client; no engine is asked where no command wants one."""
    from devtools.manifest import containers

    with contextlib.suppress(WrongUse):  # with bad files, too, what runs must end
        return containers.find(session.workspace, session.files[0], session.user).sweep(session.user)
    return 0


def _bring_down(session: Session, progress: Progress) -> int:
    supervisor = launch.holder(session.workspace.state_dir)
    with Interrupts() as interrupts:
        failed: list[str] = []
        status, is_lost = 0, False
        for attempt in range(2):
            try:
                for event in session.client.stream("/v1/down", {}):
                    progress.event(event)
                    if "result" in event:
                        failed = _survivors(event["result"]["nodes"])
                break
            except KeyboardInterrupt:
                if attempt:
                    return INTERRUPTED
                console.say("kills everything at once")
                interrupts.then(lambda: None)
                status = INTERRUPTED
                with contextlib.suppress(Lost, OSError):
                    session.client.post("/v1/kill", {})
            except (Lost, OSError):
                is_lost = True  # it has ended: by itself, when all was stopped, or it was killed
                break
    launch.await_gone(supervisor)
    if is_lost and has_leftovers(session.workspace):
        raise Lost
    if failed:
        raise DevtoolsError("; ".join(failed), exit_code=FAILED)
    if status == 0:
        session.forget_given()
        console.say("everything is stopped")
    return status


def _survivors(nodes: list[dict[str, object]]) -> list[str]:
    return [f"{node['id']}: {node['reason']}" for node in nodes if "survive" in str(node["reason"])]
