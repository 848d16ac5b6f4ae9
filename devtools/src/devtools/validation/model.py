"""What a validation is made of: scenarios of steps, each with evidence or a failure. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Evidence = Mapping[str, object]


class StepFailed(Exception):
    """A step saw something else than it must; `service` is whose log may tell why."""

    def __init__(self, expected: str, seen: str, *, service: str) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.expected = expected
        self.seen = seen
        self.service = service


@dataclass(frozen=True)
class Step:
    """One thing to prove. `run` returns its evidence or raises StepFailed.

    touches: the services and tasks whose restart may change its outcome (empty: those of its scenario);
    needs: the steps before it whose payment, row or entry it looks at (None: all before it).
    """

    id: str
    name: str
    run: Callable[[], Evidence]
    touches: frozenset[str] = frozenset()
    needs: tuple[str, ...] | None = None


class Scenario(Protocol):
    """Steps that build on each other: after a failed one, the rest are not run."""

    def steps(self) -> Sequence[Step]: ...


@dataclass(frozen=True)
class Outcome:
    """What became of one step; `error` is None where it passed."""

    step: Step
    seconds: float = 0.0
    evidence: Evidence = field(default_factory=lambda: {})
    error: StepFailed | None = None
    was_run: bool = True
    log_tail: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True only for a step that ran and saw what it must."""
        return self.was_run and self.error is None
