"""One service or task as the supervisor sees it: its definition, phase, reason and present run.

It must not start, stop or wait for anything.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devtools.plan import Definition
    from devtools.supervisor.run import Run

ENDED = ("stopped", "failed", "succeeded")


@dataclass(slots=True)
class Node:
    """What is known of one service or task; `generation` counts its incarnations, `life` is its activity.

    is_on_trial: begun anew after a save; what fails then before it was ready waits for the next save.
    """

    definition: Definition
    phase: str = "stopped"
    reason: str = "not started"
    ready: bool = False
    since: float = field(default_factory=time.time)
    run: Run | None = None
    exit_code: int | None = None
    restarts: int = 0
    generation: int = 0
    probe: str = ""
    waits_for: list[str] = field(default_factory=lambda: [])
    deadline: float | None = None
    requested_at: float | None = None
    started_at: float | None = None
    ready_at: float | None = None
    ended_at: float | None = None
    running: Definition | None = None
    is_on_trial: bool = False
    _fingerprinted: tuple[Definition, str] | None = None
    life: asyncio.Task[None] | None = None
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def id(self) -> str:
        """The id in automations.yaml."""
        return self.definition.id

    @property
    def running_fingerprint(self) -> str:
        """That of the definition in force at its last start; empty where there was none.

        Made when it is first asked for, by the journal: were it made at the start, forty that start at once
        would wait for each other's.
        """
        if self.running is None:
            return ""
        if self._fingerprinted is None or self._fingerprinted[0] is not self.running:
            self._fingerprinted = (self.running, self.running.fingerprint())
        return self._fingerprinted[1]

    @property
    def is_active(self) -> bool:
        """True while something is done for it: waiting, starting, running, restarting."""
        return self.life is not None and not self.life.done()

    def meets(self, condition: str) -> bool:
        """Whether this node, as a dependency, satisfies `condition`."""
        if self.definition.is_task:
            begun = condition == "started" and self.phase == "running"
            return begun or self.phase == "succeeded"
        if condition == "completed":
            return self.phase == "stopped" and self.exit_code == 0
        if condition == "started":
            return self.run is not None or self.phase == "running"
        return self.phase == "running" and self.ready

    def cannot_meet(self, condition: str) -> str | None:
        """Why this node, as a dependency, will not satisfy `condition`; None where it still may."""
        if self.is_active or self.meets(condition):
            return None
        if self.phase in ENDED:
            return f"{self.id} {self.phase}: {self.reason}" if self.reason else f"{self.id} {self.phase}"
        return None

    def times(self) -> dict[str, Any]:
        """When it was asked for, started, ready and over, and what it needs: its line in a chart."""
        return {
            "kind": self.definition.kind,
            "exit_code": self.exit_code,
            "depends_on": list(self.definition.dependencies),
            "requested_at": self.requested_at,
            "started_at": self.started_at,
            "ready_at": self.ready_at,
            "ended_at": self.ended_at,
        }

    def to_json(self) -> dict[str, Any]:
        """This node as the API shows it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "name": self.definition.name,
            "phase": self.phase,
            "reason": self.reason,
            "ready": self.ready,
            "since": self.since,
            "pid": self.run.pid if self.run else None,
            "ports": list(self.definition.ports),
            "restarts": self.restarts,
            "waits_for": self.waits_for,
            "probe": self.probe,
            "deadline": self.deadline,
            **self.times(),
            "stale": self.running is not None and self.running != self.definition,
        }
        return shown
