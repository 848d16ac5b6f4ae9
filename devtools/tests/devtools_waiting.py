"""Waiting for a condition instead of sleeping, and asking whether a process lives; it must not start any."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE_S = 60.0


def until(condition: Callable[[], Value], what: str, patience_s: float = PATIENCE_S) -> Value:
    """Wait until `condition()` is true; its value."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {patience_s} s: {what}")


def is_alive(pid: int) -> bool:
    """True for a process that lives and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
