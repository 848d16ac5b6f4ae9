"""`devtools task …`, also as `devtools automations task …`.

It must return the task's own exit status from `start`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devtools import console, logview
from devtools.cli import nodes
from devtools.cli.interrupt import Interrupts
from devtools.cli.logs import DEFAULT_LINES, show
from devtools.cli.service import Output, Reference, Trust
from devtools.cli.shapes import task_shape
from devtools.errors import FAILED, INTERRUPTED, DevtoolsError
from devtools.session import Session, open_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(output: Output = "") -> int:
    """List the tasks."""
    found = nodes.known(open_session(), "task")
    return nodes.listing(found, [task_shape(node) for node in found], output)


@app.command()
def get(reference: Reference, output: Output = "json") -> int:
    """Show one task."""
    session = open_session()
    nodes.check(session, [reference], "task")
    found = [node for node in nodes.known(session, "task") if node["id"] == reference]
    if output == "yaml":
        console.out_yaml(task_shape(found[0]))
    else:
        console.out_json(task_shape(found[0]))
    return 0


@app.command()
def start(
    reference: Reference,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return as soon as it is begun.")] = False,
    trust: Trust = False,
) -> int:
    """Run a task and what it depends on, stream its log, return its exit status."""
    session = open_session()
    nodes.check(session, [reference], "task")
    folder = session.workspace.state_dir / "logs"
    known = logview.ends(folder, [reference])
    events = nodes.begin(session, [reference], f"task start {reference}", rerun=True, trusted=trust)
    if no_wait:
        for event in events:
            if "begun" in event:
                break
        return 0
    with Interrupts() as interrupts:
        try:
            return _stream(session, reference, events, known)
        except KeyboardInterrupt:
            interrupts.then(lambda: session.client.post("/v1/kill", {}))
            console.say(f"interrupted: stops {reference}")
            nodes.stop(session, [reference])
            return INTERRUPTED


def _stream(session: Session, reference: str, events: Iterator[dict[str, Any]], known: dict[str, int]) -> int:
    """Print the task's lines while it runs; its exit status in the end."""
    ended: list[list[dict[str, Any]] | BaseException] = []

    def listen() -> None:
        try:
            for event in events:
                if "result" in event:
                    ended.append(event["result"]["nodes"])
                    return
            ended.append([])
        except (OSError, DevtoolsError, ValueError) as fault:
            ended.append(fault)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    folder = session.workspace.state_dir / "logs"
    for line in _lines(folder, reference, known, listener):
        console.out(line.text)
    outcome = ended[0]
    if isinstance(outcome, BaseException):
        raise outcome
    return _verdict(reference, {node["id"]: node for node in outcome})


def _lines(
    folder: Path, reference: str, known: dict[str, int], listener: threading.Thread
) -> Iterator[logview.Line]:
    """New lines of the log until the listener has ended and nothing more is there."""
    offset = dict(known)
    while True:
        is_last = not listener.is_alive()
        fresh, offset = logview.fresh(folder, reference, offset, whole=is_last)
        yield from fresh
        if is_last:
            return
        time.sleep(0.02)


def _verdict(reference: str, ended: dict[str, dict[str, Any]]) -> int:
    task = ended.get(reference)
    if task is None:
        raise DevtoolsError("the supervisor ended in the middle of this", hint="devtools up")
    if task["phase"] == "succeeded":
        return 0
    console.error(f"{reference} {task['phase']}: {task['reason']}", f"devtools why {reference}")
    code = task["exit_code"]
    if code is None or code == 0:
        return FAILED
    return code if code > 0 else 128 - code


@app.command()
def stop(reference: Reference) -> int:
    """Stop a running task: SIGTERM, SIGKILL after 10 s."""
    session = open_session()
    nodes.check(session, [reference], "task")
    nodes.stop(session, [reference])
    return 0


@app.command()
def logs(
    reference: Reference,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="Do not go on with what comes.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0)] = DEFAULT_LINES,
) -> int:
    """Show and follow a task's log."""
    session = open_session()
    nodes.check(session, [reference], "task")
    return show(session, [reference], follow=not no_follow, lines=lines)
