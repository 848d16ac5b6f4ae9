"""Processor share and memory of each node's whole tree, measured only when someone asks.

It must not sample in the background.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from devtools.supervisor import tree

if TYPE_CHECKING:
    from devtools.supervisor.node import Node

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_before: dict[str, tuple[float, int]] = {}


def with_figures(nodes: list[Node]) -> list[dict[str, Any]]:
    """The nodes as JSON with `cpu` (percent of one core since the last question or the start) and memory."""
    processes = tree.snapshot() if any(node.run for node in nodes) else {}
    now = time.time()
    shown: list[dict[str, Any]] = []
    for node in nodes:
        item = node.to_json()
        item["cpu"], item["memory_bytes"] = None, None
        if node.run is not None:
            pids = node.run.members(processes)
            ticks = sum(processes[pid].ticks for pid in pids)
            then, earlier = _before.get(node.run.mark, (node.started_at or now, 0))
            _before[node.run.mark] = (now, ticks)
            elapsed = max(now - then, 0.05)
            item["cpu"] = round(max(0, ticks - earlier) / _TICKS_PER_S / elapsed * 100, 1)
            item["memory_bytes"] = sum(processes[pid].resident for pid in pids)
            item["processes"] = len(pids)
        shown.append(item)
    return shown
