"""Waits for a lock on a file, which its holder keeps for as long as the file is open.

It must not say who the other holder is: its callers do, in their own words.
"""

from __future__ import annotations

import fcntl
import time

_PAUSE_S = 0.05  # the kernel's own waiting knows no deadline


def take(descriptor: int, patience_s: float) -> bool:
    """Lock an open file for this process alone; False where another has it still after `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True
