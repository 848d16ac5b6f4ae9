"""Looks for events to tell: at once when there are some, and hardly ever while there are none.

Must not tell them itself, nor rely on being notified: what nobody told of is found a moment later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import psycopg
import structlog
from payments_schema.events import store as events
from payments_schema.webhooks.news import News, look
from psycopg import AsyncConnection

from recon_worker.database import Line

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_S = 0.05
AWAKE_S = 1.0
COMING_S = 0.5
ASLEEP_S = 2.0


class Follower:
    """Awake it looks twenty times a second, and no commit pays for a notification. Asleep it is notified.

    An event is not listable at its own commit while older transactions are under way: of such a one
    it is known that it comes, and it is looked for again by itself.
    tell: is called where there are news.
    """

    def __init__(self, line: Line, tell: Callable[[], Awaitable[object]]) -> None:
        self._line = line
        self._tell = tell
        self._told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._sleep: tuple[AsyncConnection[Any], Literal["ours", "theirs"]] | None = None
        self._awake_until = 0.0
        self._coming_s = LOOK_S

    def nudge(self) -> None:
        """Something may have happened; from any thread. Awake it would be seen anyhow."""
        if not self._told.is_set():
            self._loop.call_soon_threadsafe(self._told.set)

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            self._told.clear()  # before the look: what is told during it is for the next one
            begun_at = time.monotonic()
            try:
                pause_s = await self._look()
            except psycopg.Error as error:
                log.debug("no look at the events", error=str(error).partition("\n")[0])
                self._sleep = None
                pause_s = COMING_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), pause_s)
                self._coming_s = LOOK_S
                # However many tell: not more often than awake.
                await asyncio.sleep(max(begun_at + LOOK_S - time.monotonic(), 0))

    async def _look(self) -> float:
        """Tell what there is; returns how long to wait for a nudge before the next look."""
        async with self._line.connection() as conn:
            if self._sleep is not None and self._sleep[0] is not conn:
                self._sleep = None  # it ended with its session
            news = await look(conn)
        if news.is_there:
            await self._tell()
            await self._wake_up()
            self._awake_until = time.monotonic() + AWAKE_S
            return 0.0
        if not news.has_readers:
            await self._wake_up()
            return ASLEEP_S
        if self._sleep is None and time.monotonic() < self._awake_until:
            return LOOK_S
        return await self._doze(news)

    async def _doze(self, news: News) -> float:
        if self._sleep is None or self._sleep[1] == "theirs":
            async with self._line.connection() as conn:
                whose = await events.fall_asleep(conn)
                if whose is None:
                    self._sleep = None
                    return LOOK_S
                is_new = self._sleep is None
                self._sleep = (conn, whose)
                if is_new:
                    news = await look(conn)
            if news.is_there:
                return 0.0
        if not news.is_coming:
            self._coming_s = LOOK_S
            return ASLEEP_S
        pause_s, self._coming_s = self._coming_s, min(2 * self._coming_s, COMING_S)
        return pause_s

    async def _wake_up(self) -> None:
        sleep, self._sleep = self._sleep, None
        if sleep is not None and sleep[1] == "ours":
            async with self._line.connection() as conn:
                if conn is sleep[0]:
                    await events.wake_up(conn)
