"""A circuit breaker: a provider that fails again and again is left alone for a while.

Must not count answers that a provider gave on purpose: a refusal of a payment is a healthy reply.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """closed: all pass; open: none; half_open: single trials."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens when at least `least` of the last `window` exchanges failed at a share of `share_pct` or more."""

    def __init__(
        self,
        *,
        window: int = 50,
        least: int = 10,
        share_pct: int = 60,
        open_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._results: deque[bool] = deque(maxlen=window)
        self._failures = 0
        self._least = least
        self._share_pct = share_pct
        self._open_s = open_s
        self._clock = clock
        self._opened_at: float | None = None
        self._trial_at: float | None = None

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        waited = self._clock() - self._opened_at
        return BreakerState.HALF_OPEN if waited >= self._open_s else BreakerState.OPEN

    def admits(self) -> bool:
        """Whether an exchange may begin; half open, one at a time."""
        if self._opened_at is None:
            return True
        now = self._clock()
        if now - self._opened_at < self._open_s:
            return False
        if self._trial_at is not None and now - self._trial_at < self._open_s:
            return False
        self._trial_at = now
        return True

    def note(self, *, ok: bool) -> None:
        """An exchange has ended."""
        if self._opened_at is not None:
            # Only what began after the pause tells something about now.
            if self._trial_at is None:
                return
            self._trial_at = None
            if not ok:
                self._opened_at = self._clock()
                return
            self._opened_at = None
            self._results.clear()
            self._failures = 0
        if len(self._results) == self._results.maxlen and not self._results[0]:
            self._failures -= 1
        self._results.append(ok)
        self._failures += not ok
        if self._failures >= self._least and self._failures * 100 >= self._share_pct * len(self._results):
            self._opened_at = self._clock()
            self._trial_at = None
