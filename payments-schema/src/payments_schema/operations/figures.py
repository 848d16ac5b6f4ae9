"""SQL that adds up the last hour and the queues. Must not write; costs the same however much there is."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.money import major
from payments_schema.wire.operations import (
    CurrencyFigures,
    MinuteFigure,
    Overview,
    QueueFigures,
    Queues,
    ScheduleFigures,
    WorkerFigures,
)

Connection = AsyncConnection[TupleRow]
SPAN = timedelta(hours=1)
MOST_COUNTED = 5_000
"""A busy hour is told by its latest payments: adding up all of them would cost more than it tells."""


async def overview(conn: Connection, now: datetime) -> Overview:
    """The last hour of direct payments, by currency and by minute, with how long they took."""
    since = now - SPAN
    bound = ids.moment_bound(int(since.timestamp() * 1000))
    asked: dict[str, object] = {"bound": bound, "most": MOST_COUNTED}
    found = await conn.execute(
        """
        WITH recent AS (
            SELECT id, currency, amount_minor, status FROM core.payment
            WHERE id >= %(bound)s ORDER BY id DESC LIMIT %(most)s)
        SELECT p.currency, count(*), sum(p.amount_minor), count(*) FILTER (WHERE p.status = 'completed'),
            count(*) FILTER (WHERE p.status = 'failed'), count(*) FILTER (WHERE p.status = 'pending'),
            count(r.discrepancy_minor)
        FROM recent AS p LEFT JOIN core.reconciliation_result AS r ON r.payment_id = p.id
        GROUP BY p.currency ORDER BY count(*) DESC, p.currency
        """,
        asked,
    )
    currencies = [
        CurrencyFigures(
            currency=currency,
            count=count,
            volume=major(int(volume), currency),
            completed=completed,
            failed=failed,
            pending=pending,
            discrepancies=discrepancies,
        )
        for currency, count, volume, completed, failed, pending, discrepancies in await found.fetchall()
    ]
    p50, p95 = await _latency(conn, asked)
    return Overview(
        since=since,
        truncated=sum(line.count for line in currencies) >= MOST_COUNTED,
        currencies=currencies,
        minutes=await _minutes(conn, asked),
        latency_p50_ms=p50,
        latency_p95_ms=p95,
    )


async def _latency(conn: Connection, asked: dict[str, object]) -> tuple[int | None, int | None]:
    found = await conn.execute(
        """
        WITH recent AS (
            SELECT id, created_at FROM core.payment WHERE id >= %(bound)s ORDER BY id DESC LIMIT %(most)s)
        SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (
            ORDER BY (extract(epoch FROM r.created_at - p.created_at) * 1000)::bigint)
        FROM recent AS p JOIN core.reconciliation_result AS r ON r.payment_id = p.id
        """,
        asked,
    )
    row = await found.fetchone()
    if row is None or row[0] is None:
        return None, None
    return row[0][0], row[0][1]


async def _minutes(conn: Connection, asked: dict[str, object]) -> list[MinuteFigure]:
    found = await conn.execute(
        """
        WITH recent AS (
            SELECT created_at FROM core.payment WHERE id >= %(bound)s ORDER BY id DESC LIMIT %(most)s)
        SELECT date_trunc('minute', created_at), count(*) FROM recent GROUP BY 1 ORDER BY 1
        """,
        asked,
    )
    return [MinuteFigure(at=at, count=count) for at, count in await found.fetchall()]


async def queues(conn: Connection) -> Queues:
    """Depth and age by queue, the workers' heartbeats, and the schedule."""
    waiting = await conn.execute(
        """
        SELECT queue_name, count(*) FILTER (WHERE state = 'queued' AND due_at <= now()),
            count(*) FILTER (WHERE state = 'queued' AND due_at > now()),
            count(*) FILTER (WHERE state = 'consumed'), count(*) FILTER (WHERE state = 'rejected'),
            coalesce(greatest(0, extract(epoch FROM now()
                - min(due_at) FILTER (WHERE state = 'queued' AND due_at <= now()))), 0)::int
        FROM dramatiq.queue WHERE state IN ('queued', 'consumed', 'rejected')
        GROUP BY queue_name ORDER BY queue_name
        """
    )
    beats = await conn.execute(
        "SELECT worker_id::text, seen_at, seen_at > now() - interval '15 seconds' FROM dramatiq.worker "
        "WHERE seen_at > now() - interval '1 day' ORDER BY seen_at DESC LIMIT 100"
    )
    slots = await conn.execute(
        "SELECT name, last_slot, claimed_by, claimed_at FROM core.schedule ORDER BY name LIMIT 100"
    )
    return Queues(
        queues=[
            QueueFigures(name=name, ready=ready, scheduled=later, running=running, dead=dead, oldest_s=oldest)
            for name, ready, later, running, dead, oldest in await waiting.fetchall()
        ],
        workers=[
            WorkerFigures(name=name, seen_at=at, alive=alive) for name, at, alive in await beats.fetchall()
        ],
        schedules=[
            ScheduleFigures(name=name, last_slot=slot, claimed_by=by, claimed_at=at)
            for name, slot, by, at in await slots.fetchall()
        ],
    )
