"""Waiting for conditions; must not know what is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(condition: Callable[[], Any], *, within_s: float = 60.0) -> Any:
    """Wait until a condition is true and return what it returned; the pause is a poll, never the proof."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not true within {within_s} s"
        time.sleep(0.005)
    return value
