"""An event loop in a thread of its own, so that thousands of conversations do not hold up a commit.

Must not be given anything that belongs to another loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from recon_worker.garbage import FullCollections

T = TypeVar("T")
LOOK_S = 2.0
HOLD_BACK_S = 0.25
BREATHE_S = 1.0


class Aside:
    """Runs coroutines elsewhere, each a unit of work; full collections happen between them.

    Where one is due, new work is held back for a moment until what is open has ended. Started by the first.
    look_s: how often an idle one looks whether a collection is due.
    """

    def __init__(self, name: str, full: FullCollections | None = None, *, look_s: float = LOOK_S) -> None:
        self._name = name
        self._full = full
        self._look_s = look_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._open = 0
        self._gate = asyncio.Event()
        self._gate.set()
        self._may_hold_back_at = 0.0

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have it done over there, and wait here. Being cancelled here cancels it there."""
        ours = self._gated(work)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ours, self._started()))

    async def _gated(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            while not self._gate.is_set():
                await self._gate.wait()
            self._open += 1
            try:
                return await work
            finally:
                self._open -= 1
                self._tidy()
        finally:
            work.close()  # of no effect but where we were cancelled before it began

    def _tidy(self) -> None:
        if self._full is None or not self._full.is_due():
            return
        loop = asyncio.get_running_loop()
        if self._open == 0 or self._full.is_overdue():
            self._full.run()
            self._gate.set()
        elif self._gate.is_set() and loop.time() >= self._may_hold_back_at:
            self._gate.clear()
            loop.call_later(HOLD_BACK_S, self._give_up)

    def _give_up(self) -> None:
        # What is open takes long (a lock, an outage): nobody else is to wait for it.
        if not self._gate.is_set():
            self._gate.set()
            self._may_hold_back_at = asyncio.get_running_loop().time() + BREATHE_S

    def _look(self) -> None:
        self._tidy()
        asyncio.get_running_loop().call_later(self._look_s, self._look)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            if self._full is not None:
                self._full.take_over()
                self._loop.call_soon(self._look)
            self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
            self._thread.start()
        return self._loop

    async def close(self) -> None:
        """Stop the thread; nothing may be under way."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join)
            loop.close()
            if self._full is not None:
                self._full.give_back()
