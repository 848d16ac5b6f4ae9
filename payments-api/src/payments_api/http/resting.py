"""uvicorn's server at rest: it is told of its end instead of looking for it ten times a second.

Must not change how a request is served or how the server stops.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from types import FrameType

DATE_S = 1.0


class RestingServer(uvicorn.Server):
    """Wakes once a second for the Date of its answers, and at once for a signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._is_told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Until it is told to end."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_told.wait(), DATE_S)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn does."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._is_told.set)
