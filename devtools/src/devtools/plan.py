"""What the supervisor is told to run: plain values with every default filled in, sent as JSON.

It must import nothing but the standard library: the supervisor's memory is budgeted.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

DEFAULT_READY_DEADLINE_S = 300.0
FORMAT_GRACE_S = 120.0
TASK_GRACE_S = 10.0
DEFAULT_PROFILE = ("default",)
MIGRATIONS = "migrations"  # the folder whose files a task of the repository brings into the database


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to ask whether a service is well; `deadline_s` bounds readiness, `timeout_s` one question."""

    kind: str
    command: str = ""
    host: str = ""
    port: int = 0
    path: str = "/"
    status_low: int = 200
    status_high: int = 399
    pattern: str = ""
    timeout_s: float = 5.0
    interval_s: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A repository as far as a save in it matters: its folder, what of it counts, and what it builds on."""

    path: str
    sources: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """One node of the graph: a service (with probes, stop and restart rules) or a task."""

    id: str
    kind: str
    name: str
    command: str
    description: str = ""
    dependencies: dict[str, str] = field(default_factory=lambda: {})
    triggers: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=lambda: {})
    ports: tuple[int, ...] = ()
    ready: Probe | None = None
    ready_deadline_s: float = DEFAULT_READY_DEADLINE_S
    live: Probe | None = None
    stop_command: str = ""
    clear_command: str = ""
    stop_signal: str = "SIGTERM"
    grace_s: float = FORMAT_GRACE_S
    restart_policy: str = "never"
    restart_backoff_s: float = 1.0
    restart_max: int = 5
    external: str = ""
    refused: str = ""
    role: str = "default"
    watch: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    restart_with: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    replica_of: str = ""

    @property
    def is_task(self) -> bool:
        """True for a one-off, false for a service."""
        return self.kind == "task"

    def fingerprint(self) -> str:
        """A hash that changes with anything in this definition."""
        import hashlib  # with OpenSSL behind it: the first service need not wait for that

        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole workspace, resolved: definitions by id, the environment of every child, ports and URLs."""

    name: str
    root: str
    definitions: dict[str, Definition]
    environment: dict[str, str]
    ports: dict[str, int]
    urls: dict[str, str] = field(default_factory=lambda: {})
    database_url: str | None = None
    parts: dict[str, Part] = field(default_factory=lambda: {})

    def edges(self) -> dict[str, dict[str, str]]:
        """Node → {dependency → condition}."""
        return {name: definition.dependencies for name, definition in self.definitions.items()}

    def triggered(self, triggers: tuple[str, ...], profiles: tuple[str, ...] = ()) -> list[str]:
        """The ids that one of `triggers` names, in the file's order, without those of other profiles.

        profiles: the chosen ones; none means `default`. A node without profiles belongs to all of them.
        """
        chosen = set(profiles or DEFAULT_PROFILE)
        return [
            name
            for name, node in self.definitions.items()
            if set(node.triggers) & set(triggers) and (not node.profiles or chosen & set(node.profiles))
        ]

    def profiles(self) -> set[str]:
        """Every profile that a node names."""
        return {profile for node in self.definitions.values() for profile in node.profiles}

    def to_json(self) -> dict[str, Any]:
        """As it travels to the supervisor."""
        return asdict(self)


def from_json(value: dict[str, Any]) -> Plan:
    """A plan as it was sent; raises KeyError, TypeError or ValueError where it is not one."""
    definitions = {name: _definition(item) for name, item in value["definitions"].items()}
    parts = {name: _part(item) for name, item in value.get("parts", {}).items()}
    fields: dict[str, Any] = {**value, "definitions": definitions, "parts": parts}
    return Plan(**fields)


def _part(value: dict[str, Any]) -> Part:
    return Part(value["path"], tuple(value.get("sources", ())), tuple(value.get("needs", ())))


def _definition(value: dict[str, Any]) -> Definition:
    fields = dict(value)
    for key in ("ready", "live"):
        fields[key] = Probe(**fields[key]) if fields.get(key) else None
    for key in ("triggers", "ports", "watch", "repositories", "restart_with", "profiles"):
        fields[key] = tuple(fields.get(key, ()))
    return Definition(**fields)
