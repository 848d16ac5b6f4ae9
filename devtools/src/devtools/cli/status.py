"""`devtools status`: services and tasks, URLs and the database, as a table or as JSON.

It must answer at once, also where nothing runs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from devtools import console
from devtools.cli.shapes import age, idle_status, status_shape
from devtools.session import has_leftovers, open_session

if TYPE_CHECKING:
    import typer

_STYLES = {
    "running": "green",
    "succeeded": "green",
    "failed": "red",
    "starting": "yellow",
    "stopping": "yellow",
}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    output: Annotated[str, typer.Option("--output", "-o", help="json or yaml")] = "",
) -> int:
    """Show phase, reason, ports and figures of every service and task."""
    session = open_session()
    status = session.status()
    if status is None or not status["nodes"]:
        if status is None and has_leftovers(session.workspace):
            console.warn("the supervisor is gone and services still run; `devtools up` adopts them")
        status = idle_status(session.plan())
    if as_json or output == "json":
        console.out_json(status_shape(status))
    elif output == "yaml":
        console.out_yaml(status_shape(status))
    else:
        show(status)
    return 0


def show(status: dict[str, Any]) -> None:
    """The status for people."""
    now = time.time()
    for kind, title in (("service", "SERVICE"), ("task", "TASK")):
        nodes = [node for node in status["nodes"] if node["kind"] == kind]
        if not nodes:
            continue
        columns = [title, "PHASE", "SINCE", "PORTS", "PID", "CPU", "MEMORY", "RESTARTS", "REASON"]
        rows = [_row(node, now) for node in nodes]
        if kind == "task":
            columns = [title, "PHASE", "SINCE", "EXIT", "REASON"]
            rows = [
                [row[0], row[1], row[2], _text(node["exit_code"]), row[8]]
                for row, node in zip(rows, nodes, strict=True)
            ]
        console.table(columns, rows)
        console.out()
    urls: dict[str, str] = status.get("urls") or {}
    for name, url in urls.items():
        console.out(f"{name}: {url}")
    if status.get("database_url"):
        console.out(f"database: {console.address(status['database_url'])}")
    watches: dict[str, str] = status.get("watches") or {}
    for name, words in watches.items():
        console.out(f"watches {name}: {words}")


def _row(node: dict[str, Any], now: float) -> list[str]:
    phase = node["phase"]
    style = _STYLES.get(phase)
    memory = node.get("memory_bytes")
    reason = "; ".join(
        filter(None, [node["reason"], "changed since it started" if node.get("stale") else ""])
    )
    return [
        node["id"],
        console.styled(phase, style) if style else phase,
        age(now - node["since"]) if node["since"] else "-",
        ",".join(str(port) for port in node["ports"]) or "-",
        _text(node["pid"]),
        "-" if node.get("cpu") is None else f"{node['cpu']:.1f}%",
        "-" if memory is None else f"{memory / 1048576:.0f} MB",
        _text(node["restarts"]),
        reason,
    ]


def _text(value: object) -> str:
    return "-" if value is None else str(value)
