"""Full garbage collections at moments of our own choice instead of in the middle of a transaction.

Must not choose the moment: whoever knows what is open asks whether one is due, and runs it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

NEVER = 1_000_000_000
MIDDLE_ROUNDS = 10
SHARE = 0.02
PATIENCE_S = 30.0


def _middle_rounds() -> int:
    return gc.get_count()[2]


class FullCollections:
    """A collection of everything stops every thread; with 2,000 conversations open it took long.

    The small collections stay automatic. A full one is due after as many of the middle ones as Python itself
    would wait for, unless all of them together would take more than `SHARE` of the time.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        middle_rounds: Callable[[], int] = _middle_rounds,
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        self._clock = clock
        self._middle_rounds = middle_rounds
        self._collect = collect
        self._thresholds: tuple[int, int, int] | None = None
        self._not_before = 0.0
        self._due_since: float | None = None

    def take_over(self) -> None:
        """From now on no full collection starts by itself."""
        if self._thresholds is None:
            self._thresholds = gc.get_threshold()
            gc.set_threshold(*self._thresholds[:2], NEVER)

    def give_back(self) -> None:
        """Leave it to Python again."""
        if self._thresholds is not None:
            gc.set_threshold(*self._thresholds)
            self._thresholds = None

    def is_due(self) -> bool:
        """Whether the next good moment should be used."""
        now = self._clock()
        due = self._middle_rounds() >= MIDDLE_ROUNDS and now >= self._not_before
        if not due:
            self._due_since = None
        elif self._due_since is None:
            self._due_since = now
        return due

    def is_overdue(self) -> bool:
        """Whether no good moment came for so long that a bad one must do: memory is not to grow for ever."""
        return self.is_due() and self._clock() - (self._due_since or 0.0) >= PATIENCE_S

    def run(self) -> None:
        """Collect everything, here and now."""
        began = self._clock()
        self._collect()
        ended = self._clock()
        self._not_before = ended + (ended - began) / SHARE
        self._due_since = None
