"""Releases holds whose time is over: lock, decide, save, post, record, a bounded number in each commit.

Must not know messages, and must not wait for a payment that somebody else is working on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from payments_schema.cards import facts, lifecycle, movements, store
from payments_schema.errors import PostingRejected
from payments_schema.events import store as events
from payments_schema.ledger import store as ledger
from psycopg import AsyncConnection

from recon_worker.database import Line

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH = 500


def _now() -> datetime:
    return datetime.now(UTC)


async def expire_batch(conn: AsyncConnection[Any], now: datetime, limit: int = BATCH) -> int:
    """Release up to `limit` overdue holds in the caller's transaction; returns how many."""
    await store.prefer_indexes(conn)
    overdue = await store.lock_overdue(conn, now, limit)
    changes = [change for payment in overdue if (change := lifecycle.lapse(payment, now)) is not None]
    await store.save(conn, changes)
    for posted in await ledger.post_many(conn, [movements.of(change) for change in changes]):
        if posted.outcome != "posted":
            raise PostingRejected(f"the ledger refused an expiry: {posted.reason or posted.outcome}")
    await events.record_many(conn, [facts.of(change) for change in changes])
    return len(changes)


class Expirer:
    """Runs the sweep on a line of its own, so that reconciliation does not wait for it."""

    def __init__(self, line: Line, now: Callable[[], datetime] = _now) -> None:
        self._line = line
        self._now = now

    async def run(self) -> int:
        """Release everything that is overdue; returns how many holds that were."""
        released = 0
        while True:
            async with self._line.unit_of_work() as conn:
                batch = await expire_batch(conn, self._now())
            released += batch
            if batch < BATCH:
                break
        if released:
            log.info("holds expired", count=released)
        return released

    async def close(self) -> None:
        """Close the line."""
        await self._line.close()
