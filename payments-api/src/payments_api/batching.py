"""Gathers concurrent requests of one process into one call and one commit, without making any of them wait.

Must not know what an item is; what a batch means in SQL is the flush function's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import psycopg
from payments_schema.database.pool import Pool
from payments_schema.errors import IdempotencyKeyInFlight, Overloaded
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Connection = AsyncConnection[TupleRow]
# A lock waited for longer than this is a request in flight elsewhere; commits of others take milliseconds.
LONGEST_LOCK_WAIT_MS = 150
LANE_OPENS_AT = 12


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Item, Outcome]):
    item: Item
    answer: asyncio.Future[Outcome | Exception]


async def _prepare(conn: Connection, timeout_s: float) -> None:
    """One statement is one commit, and no lock is waited for long."""
    await conn.set_autocommit(True)
    await conn.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LONGEST_LOCK_WAIT_MS}ms"])
    await conn.execute("SELECT set_config('statement_timeout', %s, false)", [f"{round(timeout_s * 1000)}ms"])


class MicroBatcher(Generic[Item, Outcome]):
    """Drains what has come in while the previous commit was under way; alone, an item goes at once.

    flush: gives one outcome per item, in order, all in one commit. An outcome that is an exception is raised
    to that item's caller alone. Where the whole flush fails on one item's account, each is flushed alone.
    same: items of one batch must agree on it (the client that they belong to).
    key: items with the same key that fail for a lock fail together, so that one key is waited for once.
    pool: for batches alone, a connection for each lane and one more; a lane keeps its own.
    """

    def __init__(
        self,
        pool: Pool,
        flush: Callable[[Connection, Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]],
        *,
        same: Callable[[Item], Hashable],
        key: Callable[[Item], Hashable],
        most_items: int,
        lanes: int,
        backlog: int,
        timeout_s: float,
    ) -> None:
        self._pool, self._flush, self._same, self._key = pool, flush, same, key
        self._most_items, self._lanes, self._backlog, self._timeout_s = most_items, lanes, backlog, timeout_s
        self._waiting: deque[_Waiting[Item, Outcome]] = deque()
        self._kept: list[Connection] = []
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    async def submit(self, item: Item) -> Outcome:
        """Return the item's own outcome, committed.

        A caller that is cancelled harms no other; its item may still be carried out.
        Raises Overloaded when the backlog is full, the process is stopping, or the database does not answer.
        """
        if self._closed or len(self._waiting) >= self._backlog:
            raise Overloaded
        answer: asyncio.Future[Outcome | Exception] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, answer))
        if self._opens_lane():
            lane = asyncio.create_task(self._run_lane())
            self._running.add(lane)
        outcome = await answer
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _opens_lane(self) -> bool:
        """The first item goes at once; a further lane is worth its round trip only for a good batch."""
        busy = len(self._running)
        return busy == 0 or (busy < self._lanes and len(self._waiting) >= LANE_OPENS_AT)

    async def close(self) -> None:
        """Take no more, finish what was taken, give the connections back."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=2 * self._timeout_s)
        while self._kept:
            await self._pool.putconn(self._kept.pop())

    async def _run_lane(self) -> None:
        try:
            while batch := self._take():
                work = asyncio.create_task(self._answer(batch))
                done, _ = await asyncio.wait({work}, timeout=self._timeout_s)
                if done and work.exception() is None:
                    continue
                if not done:
                    work.cancel()  # psycopg may need long to notice; nobody waits for it
                self._give_up(batch)
        finally:
            # Before the next item can come in: a lane that has looked for the last time no longer counts.
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _take(self) -> list[_Waiting[Item, Outcome]]:
        """Take the next items of one kind; those whose callers have gone are dropped unstarted."""
        batch: list[_Waiting[Item, Outcome]] = []
        while self._waiting and len(batch) < self._most_items:
            head = self._waiting[0]
            if head.answer.done():
                self._waiting.popleft()
                continue
            if batch and self._same(head.item) != self._same(batch[0].item):
                break
            batch.append(self._waiting.popleft())
        return batch

    def _give_up(self, batch: list[_Waiting[Item, Outcome]]) -> None:
        """Without a database nobody's turn will come soon: all that wait hear it now."""
        everyone = [*batch, *self._waiting]
        self._waiting.clear()
        for waiting in everyone:
            _settle(waiting, Overloaded("The database does not answer; the same key may try again"))

    async def _answer(self, batch: list[_Waiting[Item, Outcome]]) -> None:
        """Flush; a connection lost under way is replaced once, since a key makes repeating harmless."""
        for attempt in (1, 2):
            conn = self._kept.pop() if self._kept else await self._connect()
            try:
                await self._flush_or_isolate(conn, batch)
            except psycopg.OperationalError:
                if attempt == 2 or not conn.broken:
                    raise
            finally:
                if conn.broken or conn.closed or self._closed:
                    await self._pool.putconn(conn)
                else:
                    self._kept.append(conn)
            if all(waiting.answer.done() for waiting in batch):
                return

    async def _connect(self) -> Connection:
        conn = await self._pool.getconn(self._timeout_s * 0.9)
        await _prepare(conn, self._timeout_s)
        return conn

    async def _flush_or_isolate(self, conn: Connection, batch: list[_Waiting[Item, Outcome]]) -> None:
        try:
            outcomes = await self._flush(conn, [waiting.item for waiting in batch])
        except psycopg.Error as error:
            if conn.broken:
                raise
            if len(batch) > 1:
                await self._isolate(conn, batch)
            else:
                _settle(batch[0], _for_caller(error))
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            _settle(waiting, outcome)

    async def _isolate(self, conn: Connection, batch: list[_Waiting[Item, Outcome]]) -> None:
        """One item spoiled the batch: each is tried alone, so that it fails alone."""
        in_flight: set[Hashable] = set()
        for waiting in batch:
            key = self._key(waiting.item)
            if key in in_flight:
                _settle(waiting, IdempotencyKeyInFlight())
                continue
            try:
                (outcome,) = await self._flush(conn, [waiting.item])
            except psycopg.Error as error:
                if conn.broken:
                    raise
                if isinstance(error, psycopg.errors.LockNotAvailable):
                    in_flight.add(key)
                outcome = _for_caller(error)
            _settle(waiting, outcome)


def _for_caller(error: psycopg.Error) -> Exception:
    return IdempotencyKeyInFlight() if isinstance(error, psycopg.errors.LockNotAvailable) else error


def _settle(waiting: _Waiting[Any, Any], outcome: Any) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(outcome)
