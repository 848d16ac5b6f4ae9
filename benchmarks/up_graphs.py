"""The graphs that `up` is measured with: services that need a while and depend on each other.

It must not start or measure anything.
"""

from __future__ import annotations

import json
from typing import NamedTuple

PAUSE_S = 0.1  # of the peer: `until …; do sleep 1; done` is what people write; a tenth of that is kind to it


class Graph(NamedTuple):
    """Services by name with what they depend on; the first is ready `seconds` after its start.

    Each next one takes a little longer, the last longer by `spread`. The peer's commands look every so often
    whether what they need is ready: with equal times, which were a multiple of that pause, all its looks came
    by luck at the very moment; over a spread of one pause they come early, late and in between.
    """

    name: str
    edges: dict[str, list[str]]
    seconds: float
    spread: float = 0.0


def chain(length: int = 8, seconds: float = 0.5) -> Graph:
    """Each service waits for the one before."""
    edges = {f"s{i}": [f"s{i - 1}"] if i else [] for i in range(length)}
    return Graph("chain", edges, seconds, PAUSE_S)


def rhombus(width: int = 6, seconds: float = 0.7) -> Graph:
    """One, then `width`, then one, then `width`, then one."""
    edges: dict[str, list[str]] = {"top": []}
    first = [f"a{i}" for i in range(width)]
    second = [f"b{i}" for i in range(width)]
    edges |= {name: ["top"] for name in first}
    edges["waist"] = first
    edges |= {name: ["waist"] for name in second}
    edges["bottom"] = second
    return Graph("rhombus", edges, seconds, PAUSE_S)


def wide(count: int = 40, seconds: float = 3.0) -> Graph:
    """All at once."""
    return Graph("wide", {f"s{i}": [] for i in range(count)}, seconds)


def command(graph: Graph, name: str) -> str:
    """What starts one service."""
    place = list(graph.edges).index(name) / len(graph.edges)
    return f"sleep {graph.seconds + graph.spread * place:.3f}; : > {name}.ok; exec sleep 3600"


def automations(graph: Graph) -> str:
    """The graph as automations.yaml (JSON is YAML)."""
    services = {
        name: {
            "name": name,
            "triggeredBy": ["postEnvironmentStart"],
            "commands": {"start": command(graph, name), "ready": f"test -e {name}.ok"},
        }
        for name in graph.edges
    }
    return json.dumps({"services": services})


def overlay(graph: Graph) -> str:
    """The graph's edges as workspace.yaml."""
    services = {name: {"dependsOn": dict.fromkeys(needs, "ready")} for name, needs in graph.edges.items()}
    return json.dumps({"workspace": graph.name, "services": services})
