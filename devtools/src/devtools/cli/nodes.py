"""What `service` and `task` share: listings, start and stop by reference.

It must not know what differs between the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devtools import console
from devtools.cli.agree import agree
from devtools.cli.progress import Progress
from devtools.cli.settle import settle
from devtools.cli.shapes import age, idle_status, moment
from devtools.errors import WrongUse
from devtools.manifest.shape import did_you_mean
from devtools.session import Session, is_within, launched, need_supervisor, only_one
from devtools.supervisor import launch

if TYPE_CHECKING:
    from collections.abc import Iterator


def known(session: Session, kind: str) -> list[dict[str, Any]]:
    """All nodes of a kind, as they are now or as they would be."""
    status = session.status()
    if status is None or not status["nodes"]:
        status = idle_status(session.plan())
    return [node for node in status["nodes"] if node["kind"] == kind]


def listing(nodes: list[dict[str, Any]], shape: list[dict[str, Any]], output: str) -> int:
    """Print a listing as a table, JSON or YAML."""
    import time

    if output == "json":
        console.out_json(shape)
    elif output == "yaml":
        console.out_yaml(shape)
    elif output:
        raise WrongUse(f"--output: `{output}` is not known", hint="json or yaml")
    else:
        now = time.time()
        rows = [
            [
                node["id"],
                node["name"],
                node["phase"],
                age(now - node["since"]) if node["since"] else "-",
                node["reason"],
            ]
            for node in nodes
        ]
        console.table(["ID", "NAME", "PHASE", "SINCE", "REASON"], rows)
    return 0


def check(session: Session, names: list[str], kind: str) -> None:
    """Raises WrongUse where a reference names nothing of this kind."""
    section = session.services if kind == "service" else session.files[0].tasks
    for name in names:
        if name not in section:
            hint = did_you_mean(name, section) or f"known: {', '.join(section)}"
            raise WrongUse(f"no {kind} is called `{name}`", hint=hint)


def start(
    session: Session, names: list[str], what: str, *, rerun: bool, trusted: bool
) -> list[dict[str, Any]]:
    """Start nodes and what they depend on, a supervisor where there is none; the nodes at the end."""
    events = begin(session, names, what, rerun=rerun, trusted=trusted)
    return settle(events, Progress())


def begin(
    session: Session, names: list[str], what: str, *, rerun: bool, trusted: bool
) -> Iterator[dict[str, Any]]:
    """The events of a start, as the supervisor sends them; `what` is the command that was called.

    From within the workspace (a task that starts a service) the definitions stay as the supervisor has
    them: the caller's environment is one service's own, and the `up` that runs it holds the lock.
    """
    if is_within(session):
        return session.client.stream("/v1/start", {"ids": names, "rerun": rerun})
    with only_one(session.workspace, f"devtools start {' '.join(names)}"):
        agree(session, what, trusted=trusted)
        process = launched(session)
        choice = session.choose_ports()
        for note in choice.notes:
            console.warn(note)
        plan = session.plan(choice.ports)
        if process is not None:
            launch.await_ready(process, session.workspace.state_dir)
    return session.client.stream("/v1/start", {"ids": names, "rerun": rerun, "plan": plan.to_json()})


def stop(session: Session, names: list[str]) -> None:
    """Stop nodes; what depends on them stays as it is."""
    need_supervisor(session)
    settle(session.client.stream("/v1/stop", {"ids": names}), Progress())


def last_run(node: dict[str, Any]) -> str | None:
    """When a node's present phase began."""
    return moment(node["since"])
