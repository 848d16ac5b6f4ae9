"""Follows a stream of the supervisor to its result and judges it.

It must not begin anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devtools.errors import FAILED, DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devtools.cli.progress import Progress


def settle(events: Iterable[dict[str, Any]], progress: Progress) -> list[dict[str, Any]]:
    """The nodes at the end; raises DevtoolsError where one failed or the supervisor is gone."""
    return judge(settled(events, progress))


def settled(events: Iterable[dict[str, Any]], progress: Progress) -> list[dict[str, Any]]:
    """The nodes at the end, whatever became of them; raises DevtoolsError where the supervisor is gone."""
    nodes: list[dict[str, Any]] | None = None
    for event in events:
        progress.event(event)
        if "result" in event:
            nodes = event["result"]["nodes"]
    if nodes is None:
        raise DevtoolsError("the supervisor ended in the middle of this", hint="devtools up")
    return nodes


def judge(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes; raises DevtoolsError where one failed."""
    failed = [node for node in nodes if node["phase"] == "failed"]
    if failed:
        text = "; ".join(f"{node['id']} failed: {node['reason']}" for node in failed)
        raise DevtoolsError(text, exit_code=FAILED, hint=f"devtools why {failed[0]['id']}")
    return nodes
