"""The exact shapes of the contract: what `status --json` and the listings print.

It must not add to them silently: programs read them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def status_shape(status: dict[str, Any]) -> dict[str, Any]:
    """The status as the contract prints it (§6, fine print)."""
    nodes = status.get("nodes", [])
    return {
        "services": [service_shape(node) for node in nodes if node["kind"] == "service"],
        "tasks": [task_shape(node) for node in nodes if node["kind"] == "task"],
        "urls": status.get("urls", {}),
        "database_url": status.get("database_url"),
    }


def service_shape(node: dict[str, Any]) -> dict[str, Any]:
    """One service."""
    return {
        "id": node["id"],
        "name": node["name"],
        "phase": node["phase"],
        "reason": node["reason"],
        "ready": node["ready"],
        "since": moment(node["since"]),
        "pid": node["pid"],
        "ports": node["ports"],
        "restarts": node["restarts"],
        "cpu": node.get("cpu"),
        "memory_bytes": node.get("memory_bytes"),
    }


def task_shape(node: dict[str, Any]) -> dict[str, Any]:
    """One task."""
    return {
        "id": node["id"],
        "name": node["name"],
        "phase": node["phase"],
        "exit_code": node["exit_code"],
        "since": moment(node["since"]),
    }


def moment(seconds: float | None) -> str | None:
    """An RFC 3339 time in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age(seconds: float) -> str:
    """`12s`, `3m`, `5h`, `2d`: short, for tables."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(0, seconds))}s"


def idle_status(plan: Any) -> dict[str, Any]:  # noqa: ANN401 (a Plan; not imported, for the start-up time)
    """The status of a workspace where no supervisor runs."""
    nodes: list[dict[str, Any]] = [
        {
            "id": definition.id,
            "kind": definition.kind,
            "name": definition.name,
            "phase": "pending" if definition.is_task else "stopped",
            "reason": "not started",
            "ready": False,
            "since": None,
            "pid": None,
            "ports": list(definition.ports),
            "restarts": 0,
            "exit_code": None,
        }
        for definition in plan.definitions.values()
    ]
    return {"nodes": nodes, "urls": plan.urls, "database_url": plan.database_url}
