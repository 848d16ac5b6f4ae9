"""Where the time of a start went: who waited, who started, and the chain that made it as long as it was.

It must not read files or print; it judges the times that the supervisor kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Bar:
    """One node of a start; seconds count from the moment when the first node was asked for."""

    id: str
    kind: str
    requested_s: float
    started_s: float
    ready_s: float
    depends_on: tuple[str, ...]
    is_critical: bool = False

    @property
    def waited_s(self) -> float:
        """How long it stood in line for its dependencies."""
        return self.started_s - self.requested_s

    @property
    def starting_s(self) -> float:
        """How long it took itself, from its start until it was ready (a task: until it was over)."""
        return self.ready_s - self.started_s


@dataclass(frozen=True, slots=True)
class Timeline:
    """The bars by the time of their start, the critical path in its order, and what was asked for in vain."""

    bars: tuple[Bar, ...]
    critical: tuple[str, ...]
    total_s: float
    not_ready: tuple[str, ...]


def read(nodes: Mapping[str, Mapping[str, Any]]) -> Timeline:
    """The last start, from each node's `requested_at`, `started_at`, `ready_at` and `depends_on`.

    Nodes that were never asked for do not appear; those that did not become ready are named in `not_ready`.
    """
    asked = {name: node for name, node in nodes.items() if node.get("requested_at") is not None}
    done = {
        name: node
        for name, node in asked.items()
        if node.get("started_at") is not None and node.get("ready_at") is not None
    }
    zero = min((node["requested_at"] for node in asked.values()), default=0.0)
    bars = {name: _bar(name, node, zero) for name, node in done.items()}
    critical = _critical(bars)
    shown = sorted((_marked(bar, critical) for bar in bars.values()), key=lambda bar: (bar.started_s, bar.id))
    total = max((bar.ready_s for bar in shown), default=0.0)
    return Timeline(tuple(shown), critical, total, tuple(name for name in asked if name not in done))


def from_json(shown: Mapping[str, Any]) -> Timeline:
    """What `to_json` has told."""
    names = [field.name for field in fields(Bar)]
    bars = [Bar(**{name: node[name] for name in names}) for node in shown["nodes"]]
    return Timeline(tuple(bars), tuple(shown["critical_path"]), shown["total_s"], tuple(shown["not_ready"]))


def _bar(name: str, node: Mapping[str, Any], zero: float) -> Bar:
    requested = node["requested_at"] - zero
    # The wall clock may be set back in between: no bar is shorter than nothing.
    started = max(requested, node["started_at"] - zero)
    ready = max(started, node["ready_at"] - zero)
    return Bar(
        name, node.get("kind", "service"), requested, started, ready, tuple(node.get("depends_on") or ())
    )


def _marked(bar: Bar, critical: tuple[str, ...]) -> Bar:
    return Bar(
        bar.id, bar.kind, bar.requested_s, bar.started_s, bar.ready_s, bar.depends_on, bar.id in critical
    )


def _critical(bars: Mapping[str, Bar]) -> tuple[str, ...]:
    """From the node that was ready last back over the dependency that each one waited for longest."""
    if not bars:
        return ()
    at = max(bars.values(), key=lambda bar: bar.ready_s)
    path = [at.id]
    while True:
        before = [bars[name] for name in at.depends_on if name in bars and name not in path]
        if not before:
            return tuple(reversed(path))
        at = max(before, key=lambda bar: bar.ready_s)
        path.append(at.id)


def to_json(timeline: Timeline) -> dict[str, Any]:
    """The timeline for programs, its seconds to the millisecond."""
    return {
        "total_s": round(timeline.total_s, 3),
        "critical_path": list(timeline.critical),
        "not_ready": list(timeline.not_ready),
        "nodes": [
            {
                **{key: round(x, 3) if isinstance(x, float) else x for key, x in asdict(bar).items()},
                "waited_s": round(bar.waited_s, 3),
                "starting_s": round(bar.starting_s, 3),
            }
            for bar in timeline.bars
        ],
    }
