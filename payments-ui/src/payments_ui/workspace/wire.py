"""What the supervisor of a workspace answers, as far as the page shows it; `GET /openapi.json` there has all.

It must not name what the page does not show: the database's address, for one, carries a password.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Told(BaseModel):
    """Any answer; a newer supervisor may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Node(Told):
    """A service or a task. cpu: percent of one core, of its whole tree; None where nothing of it runs."""

    id: str
    kind: str
    name: str
    phase: str
    reason: str
    ready: bool
    since: datetime
    pid: int | None
    ports: list[int]
    restarts: int
    requested_at: datetime | None
    cpu: float | None = None
    memory_bytes: int | None = None
    stale: bool = False

    @property
    def is_task(self) -> bool:
        """Tell a one-off from what goes on."""
        return self.kind == "task"


class Status(Told):
    """The workspace now; nodes in the order of its file."""

    name: str
    root: str
    nodes: list[Node]
    urls: dict[str, str]
    closing: bool


class Bar(Told):
    """One node of a start; seconds count from when the first one was asked for."""

    id: str
    requested_s: float
    started_s: float
    ready_s: float
    waited_s: float
    starting_s: float
    is_critical: bool


class Timeline(Told):
    """The last start. not_ready: what was asked for in vain, or is still on its way."""

    began_at: datetime | None
    total_s: float
    critical_path: list[str]
    not_ready: list[str]
    nodes: list[Bar]


class Line(Told):
    """One line of a log."""

    at: datetime
    source: str
    text: str


class Logged(Told):
    """Lines in the order of time. left_out: older ones that fit as well."""

    lines: list[Line]
    left_out: int
    looked_at_bytes: int


class Step(Told):
    """One step of a validation: pending, running, passed, failed or skipped."""

    id: str
    name: str
    phase: str
    seconds: float
    evidence: dict[str, Any]
    error: str | None
    log_tail: list[str]


class Verdict(Told):
    """A validation. passed: None until it is over; not at work and not over, it broke off."""

    target: str
    started_at: datetime
    ended_at: datetime | None
    passed: bool | None
    at_work: bool
    steps: list[Step]


class LastVerdict(Told):
    """The last validation, None before any."""

    verdict: Verdict | None


class Begun(Told):
    """What a run has set going."""

    begun: list[str]
