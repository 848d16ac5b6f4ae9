"""Dramatiq's worker, whose threads rest until there is work, or until it stops.

Must not change what Dramatiq does with a message.
"""

from __future__ import annotations

from queue import Empty, PriorityQueue
from typing import Any

import dramatiq
from dramatiq.broker import Broker


class _WorkQueue(PriorityQueue[Any]):
    """Once it is closed nobody waits at it any more."""

    is_closed = False

    def get(self, block: bool = True, timeout: float | None = None) -> object:
        """As PriorityQueue does, but waits once only: whoever asks asks again."""
        with self.not_empty:
            if block and not self._qsize() and not self.is_closed:
                self.not_empty.wait(timeout)
            if not self._qsize():
                raise Empty
            item = self._get()
            self.not_full.notify()
            return item

    def close(self) -> None:
        """Let go of everybody who waits."""
        with self.not_empty:
            self.is_closed = True
            self.not_empty.notify_all()


class RestingWorker(dramatiq.Worker):
    """Made with a long `worker_timeout` its threads do not wake up for nothing, and yet it stops at once."""

    def __init__(self, broker: Broker, *, worker_threads: int, worker_timeout: int) -> None:
        super().__init__(broker, worker_threads=worker_threads, worker_timeout=worker_timeout)
        self._waiting = _WorkQueue()
        self.work_queue = self._waiting

    def stop(self, timeout: int = 600_000) -> None:
        """As Dramatiq does."""
        self._waiting.close()
        super().stop(timeout)
