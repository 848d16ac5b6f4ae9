"""What pages and people ask to see: how the start went, what was logged, what the last validation said.

It must not change anything, and what it reads is bounded: it works in the loop that watches the services.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from devtools import identity, logview, statefile, timeline
from devtools.supervisor.http import BadRequest
from devtools.supervisor.records import VERDICT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from devtools.supervisor.node import Node

LINES = 200
MOST_LINES = 1000
LONGEST_LINE = 2000
LOOK_BACK = 512 * 1024  # of all logs together: about ten milliseconds of work
LONGEST_TEXT = 200


class Question(NamedTuple):
    """Which lines are wanted; `text` is searched for as it is written, its case aside."""

    lines: int
    since_s: float | None
    text: str


def question(query: Mapping[str, str]) -> Question:
    """The question in an address; raises BadRequest that names what is wrong in it.

    A text and no pattern: a pattern can be written so that it never ends, and would hold up all services.
    """
    lines = query.get("lines", str(LINES))
    if not lines.isdecimal() or not 0 < len(lines) < 6 or not 1 <= int(lines) <= MOST_LINES:
        raise BadRequest(400, f"`lines` must be a number from 1 to {MOST_LINES}")
    text = query.get("text", "")
    if len(text) > LONGEST_TEXT:
        raise BadRequest(400, f"`text` must have at most {LONGEST_TEXT} characters")
    since = query.get("since", "")
    if since and (not since.isdecimal() or len(since) > 9):
        raise BadRequest(400, "`since` must be a number of seconds")
    return Question(int(lines), float(since) if since else None, text.casefold())


def logged(folder: Path, names: Sequence[str], asked: Question) -> dict[str, Any]:
    """The last lines of these logs that fit the question, in the order of time."""
    oldest = time.time() - asked.since_s if asked.since_s is not None else 0.0
    share = LOOK_BACK // max(1, len(names))
    found = [
        line
        for line in logview.recent(folder, names, share)
        if line.at >= oldest and asked.text in line.text.casefold()
    ]
    shown = [
        {"at": line.at, "source": line.source, "text": line.text[:LONGEST_LINE]}
        for line in found[-asked.lines :]
    ]
    return {"lines": shown, "left_out": len(found) - len(shown), "looked_at_bytes": share}


def start_up(nodes: Iterable[Node]) -> dict[str, Any]:
    """Where the time of a start went, and when it began; empty where nothing was asked for."""
    shown = {node.id: node.times() for node in nodes}
    asked = [node["requested_at"] for node in shown.values() if node["requested_at"] is not None]
    return {"began_at": min(asked, default=None), **timeline.to_json(timeline.read(shown))}


def verdict(state_dir: Path) -> dict[str, Any]:
    """What the last validation of this workspace said so far, and whether it is still at work."""
    kept = statefile.read_json(state_dir / VERDICT)
    if not kept.get("steps"):
        return {"verdict": None}
    is_over = kept.get("ended_at") is not None
    kept["at_work"] = not is_over and identity.is_alive(identity.from_json(kept.pop("process", None)))
    kept.pop("process", None)
    return {"verdict": kept}
