"""`up --dry-run`: what `up` would clone, which agreement it would need, and what it would run in which order.

It must start nothing, clone nothing and ask nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devtools import console, graph, trust
from devtools.cli.agree import brought
from devtools.cli.bring import roots_of
from devtools.repositories.clone import missing

if TYPE_CHECKING:
    from devtools.plan import Definition, Probe
    from devtools.session import Session


def tell(session: Session, only: str, profile: str, *, as_json: bool) -> int:
    """Print the plan; raises what `up` would raise for bad files and unknown names."""
    shape = _shape(session, only, profile)
    if as_json:
        console.out_json(shape)
        return 0
    for item in shape["clone"]:
        console.out(f"clones {item['id']} into {item['path']} from {item['url']}")
    for item in shape["agree"]:
        console.out(f"asks for agreement to the commands of {item['repository']} from {item['url']}:")
        for command in item["commands"]:
            _lines("  ", command)
    for number, step in enumerate(shape["steps"], 1):
        after = f" after {', '.join(step['after'])}" if step["after"] else ""
        now = f", is {step['phase']} already" if step["phase"] else ""
        console.out(f"{number}. {step['kind']} {step['id']}{after}{now}")
        _lines("     ", step["refused"] or step["command"])
        if step["ready"]:
            _lines("     ready: ", step["ready"])
    if not shape["steps"]:
        console.warn("no service or task has a trigger that `up` fires; nothing to start")
    return 0


def _shape(session: Session, only: str, profile: str) -> dict[str, Any]:
    plan = session.plan()
    overlay = session.files[1]
    absent = missing(session.workspace.root, overlay.repositories)
    runs = {node["id"]: node for node in (session.status() or {"nodes": []})["nodes"]}
    return {
        "clone": [{"id": item.id, "path": item.path, "url": item.url, "ref": item.ref} for item in absent],
        "agree": [
            {
                "repository": item.name,
                "url": item.url,
                "commands": [command.text for command in item.commands],
            }
            for item in trust.unknown(brought(session))
        ],
        "ports": plan.ports,
        "steps": [
            _step(plan.definitions[name], runs.get(name))
            for name in graph.closure(plan.edges(), roots_of(plan, only, profile))
        ],
    }


def _step(node: Definition, runs: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": node.id,
        "kind": node.kind,
        "after": node.dependencies,
        "command": node.external or node.command,
        "ready": _ready(node.ready),
        "stop": node.stop_command or node.stop_signal,
        "refused": node.refused,
        "phase": "running" if runs and runs["phase"] == "running" else "",
    }


def _ready(probe: Probe | None) -> str:
    if probe is None:
        return ""
    match probe.kind:
        case "exec":
            return probe.command
        case "http":
            return f"GET http://{probe.host or '127.0.0.1'}:{probe.port}{probe.path}"
        case "tcp":
            return f"listens on {probe.host or '127.0.0.1'}:{probe.port}"
        case "log":
            return f"logs {probe.pattern}"
        case _:
            return "tells READY=1"


def _lines(before: str, text: str) -> None:
    first, *rest = text.strip().splitlines() or [""]
    console.out(f"{before}{first}")
    for line in rest:
        console.out(f"{' ' * len(before)}{line}")
