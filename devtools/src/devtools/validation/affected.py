"""Which steps a restart affects, and which of the others must be run with them. Runs nothing.

What a step needs from an earlier one is made anew, never carried over: a payment of before the restart was
taken, queued or booked by other code. What is left out keeps its outcome: all that it touches is as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from devtools.validation.model import Outcome, Step
from devtools.validation.scenarios import Registration


@dataclass(frozen=True)
class Choice:
    """The steps to run, by id, and why each of the others is left out."""

    run: frozenset[str]
    left_out: Mapping[str, str] = field(default_factory=lambda: {})


def choose(
    chosen: Sequence[tuple[Registration, Sequence[Step]]],
    restarted: Collection[str],
    last: Mapping[str, Outcome],
) -> Choice:
    """What to run after `restarted` began anew; `last` has the outcomes so far, by step.

    A step that has not passed is run again whatever was restarted, so that no old failure stays.
    """
    run: set[str] = set()
    left_out: dict[str, str] = {}
    for registration, steps in chosen:
        for index, step in reversed(list(enumerate(steps))):  # those who need come before the needed
            touched = step.touches or registration.touches
            passed = step.id in last and last[step.id].passed
            if step.id in run or not passed or not touched or touched & set(restarted):
                run.add(step.id)
                run.update([before.id for before in steps[:index]] if step.needs is None else step.needs)
        for step in steps:
            if step.id not in run:
                names = ", ".join(sorted(step.touches or registration.touches))
                left_out[step.id] = f"touches only {names}"
    return Choice(frozenset(run), left_out)
