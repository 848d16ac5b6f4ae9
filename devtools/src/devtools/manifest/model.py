"""What the two files say, as typed values: the automations file and the overlay beside it.

It must not hold anything that the files do not say: merging and defaults belong to `plan.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TRIGGERS = (
    "manual",
    "postDevcontainerStart",
    "postEnvironmentStart",
    "postMachineStart",
    "prebuild",
    "beforeSnapshot",
)
ROLES = ("default", "editor", "ai-agent", "security-agent")
CONDITIONS = ("started", "ready", "completed")
RESTART_POLICIES = ("never", "on-failure", "always")


@dataclass(frozen=True, slots=True)
class RunsOn:
    """Where the format says a command runs: `docker` with an image, or `machine`."""

    kind: str
    image: str = ""
    environment: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service of automations.yaml, as written."""

    id: str
    name: str
    start: str
    description: str = ""
    ready: str | None = None
    stop: str | None = None
    triggered_by: tuple[str, ...] = ()
    runs_on: RunsOn | None = None
    role: str = "default"
    readiness_timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task of automations.yaml, as written."""

    id: str
    name: str
    command: str
    description: str = ""
    triggered_by: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    runs_on: RunsOn | None = None
    prebuild_requires_success: bool = False


@dataclass(frozen=True, slots=True)
class Automations:
    """One automations.yaml."""

    services: dict[str, Service] = field(default_factory=lambda: {})
    tasks: dict[str, Task] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the workspace; `url` may name environment variables, `test` is a command line.

    builds_on: other repositories, beside those that its packages' files name; sources: what of it programs
    are made of (empty: as `supervisor/sources.py` tells by its layout).
    """

    id: str
    path: str
    url: str | None = None
    ref: str | None = None
    group: str | None = None
    test: str | None = None
    builds_on: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeText:
    """A probe as the overlay writes it; `port` is a number or the name of a port."""

    kind: str
    command: str = ""
    port: str = ""
    path: str = "/"
    host: str = ""
    status: tuple[int, int] = (200, 399)
    pattern: str = ""
    timeout_s: float | None = None
    interval_s: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceOverlay:
    """What workspace.yaml adds to one service or task."""

    depends_on: dict[str, str] = field(default_factory=lambda: {})
    ready: ProbeText | None = None
    live: ProbeText | None = None
    restart_policy: str | None = None
    restart_backoff_s: float = 1.0
    restart_max: int = 5
    ports: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=lambda: {})
    env_files: tuple[str, ...] = ()
    stop_signal: str | None = None
    stop_grace_s: float | None = None
    replicas: int = 1
    watch: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    restart_with: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Database:
    """The database that devtools makes an environment for; `service` runs it, `port` names its port."""

    service: str
    port: str
    name: str
    owner: str
    user: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command line of the workspace's own, run as `devtools NAME …` in the environment of the services."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overlay:
    """One workspace.yaml."""

    workspace: str | None = None
    repositories: dict[str, Repository] = field(default_factory=lambda: {})
    ports: dict[str, int] = field(default_factory=lambda: {})
    services: dict[str, ServiceOverlay] = field(default_factory=lambda: {})
    tasks: dict[str, ServiceOverlay] = field(default_factory=lambda: {})
    database: Database | None = None
    commands: dict[str, Command] = field(default_factory=lambda: {})
