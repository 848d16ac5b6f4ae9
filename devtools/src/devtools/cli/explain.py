"""Why something is not ready: the chain of blockers, the last answer of the probe, the log, the port's owner.

It must only look; the same text serves people and CI.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools import logview
from devtools.cli.shapes import age
from devtools.supervisor import listeners

if TYPE_CHECKING:
    from devtools.session import Session

LOG_LINES = 20


def explain(session: Session, node: dict[str, Any]) -> list[str]:
    """The lines for one node, as the supervisor's status shows it."""
    since = age(time.time() - node["since"]) if node.get("since") else "-"
    lines = [f"{node['id']} is {node['phase']}" + (f" for {since}" if since != "-" else "")]
    if node["reason"]:
        lines.append(f"  reason: {node['reason']}")
    if node.get("probe"):
        lines.append(f"  last answer of its probe: {node['probe']}")
    if node.get("deadline"):
        lines.append(f"  deadline: in {max(0.0, node['deadline'] - time.time()):.0f} s")
    if node.get("restarts"):
        lines.append(f"  restarts: {node['restarts']}")
    for port in node.get("ports", []):
        if listeners.sockets_on(port):
            lines.append(f"  port {port}: {listeners.describe_owner(port)} listens")
        else:
            lines.append(f"  port {port}: nobody listens")
    lines.extend(_log(session, node["id"]))
    return lines


def chain(nodes: dict[str, dict[str, Any]], name: str) -> list[str]:
    """From `name` down to the nodes that hold it up, each once, deepest last."""
    found: list[str] = []
    queue = [name]
    while queue:
        current = queue.pop(0)
        if current in found or current not in nodes:
            continue
        found.append(current)
        node = nodes[current]
        queue.extend(node.get("waits_for") or [])
        words = node["reason"].split(" ")
        if node["reason"].startswith("dependency ") and len(words) > 1:
            queue.append(words[1])
    return found


def _log(session: Session, name: str) -> list[str]:
    past = logview.tail(session.workspace.state_dir / "logs", [name], LOG_LINES)
    if not past:
        return ["  its log is empty"]
    return [f"  the last {len(past)} lines of its log:", *(f"  | {line.text}" for line in past)]
