"""Keeps what the last validation of a workspace said, step by step as it comes, for whoever looks later.

It must never make a validation fail: on a full disk the verdict is told, only not kept.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from devtools import identity, statefile
from devtools.supervisor.records import VERDICT
from devtools.validation import report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devtools.validation.model import Outcome, Step


class Kept:
    """The record of one run in the state folder; whole after every step, private, replaced by later runs."""

    def __init__(self, state_dir: Path, target: str, steps: Sequence[Step]) -> None:
        self._file = state_dir / VERDICT
        self._steps = steps
        self._known: dict[int, Outcome] = {}
        self._last = -1
        self._head: dict[str, Any] = {
            "run": secrets.token_hex(8),
            "target": target,
            "process": identity.own().to_json(),
            "started_at": time.time(),
        }
        self._write(ended_at=None, passed=None)

    def note(self, outcome: Outcome) -> None:
        """One more step is known; those before it that nobody told of were not run."""
        same = (index for index, step in enumerate(self._steps) if step.id == outcome.step.id)
        self._last = next((index for index in same if index > self._last), self._last)
        self._known[self._last] = outcome
        self._write(ended_at=None, passed=None)

    def end(self, outcomes: Sequence[Outcome]) -> None:
        """It is over: an outcome for every step, in their order."""
        self._known = dict(enumerate(outcomes))
        self._write(ended_at=time.time(), passed=all(outcome.passed for outcome in outcomes))

    def _write(self, *, ended_at: float | None, passed: bool | None) -> None:
        if self._is_outrun():
            return
        shown = {**self._head, "ended_at": ended_at, "passed": passed, "steps": self._shape()}
        with contextlib.suppress(OSError):
            # Evidence may hold amounts and ids: what JSON does not know is kept as it is printed.
            statefile.write_json(self._file, json.loads(json.dumps(shown, default=str)))

    def _is_outrun(self) -> bool:
        """True where a validation that began later has the file: two must not take turns in it."""
        other = statefile.read_json(self._file)
        began = other.get("started_at")
        if other.get("run") == self._head["run"] or not isinstance(began, int | float):
            return False
        # One from the future was kept before the clock was set back: it must not close the file for good.
        return self._head["started_at"] < began <= time.time()

    def _shape(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        failed = self._last in self._known and not self._known[self._last].passed
        for index, step in enumerate(self._steps):
            outcome = self._known.get(index)
            if outcome is not None:
                shown.append({**report.step_json(outcome), "phase": _phase(outcome)})
                continue
            is_next = index == self._last + 1 and not failed
            phase = "skipped" if index < self._last else "running" if is_next else "pending"
            shown.append({"id": step.id, "name": step.name, **_NOTHING, "phase": phase})
        return shown


_NOTHING: dict[str, Any] = {"passed": False, "seconds": 0.0, "evidence": {}, "error": None, "log_tail": []}


def _phase(outcome: Outcome) -> str:
    if not outcome.was_run:
        return "skipped"
    return "passed" if outcome.passed else "failed"
