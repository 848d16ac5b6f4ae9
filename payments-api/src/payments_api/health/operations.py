"""Finds out how the parts are, each within a deadline. Must not fail because one of them does."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import psycopg
from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.errors import PaymentsError
from payments_schema.wire.health import ComponentHealth

from payments_api.http.problems import DATABASE_AWAY

_DEADLINE_S = 2.0


async def database(pool: Pool) -> ComponentHealth:
    """Say whether Postgres answers, and how fast."""
    started = perf_counter()
    try:
        async with asyncio.timeout(_DEADLINE_S), unit_of_work(pool) as conn:
            await conn.execute("SELECT 1")
    except (*DATABASE_AWAY, PaymentsError) as error:
        return ComponentHealth(status="unavailable", detail=f"no answer ({type(error).__name__})")
    stats = pool.get_stats()
    return ComponentHealth(
        status="ok",
        facts={
            "latency_ms": round((perf_counter() - started) * 1000, 2),
            "connections": stats.get("pool_size", 0),
            "connections_free": stats.get("pool_available", 0),
            "requests_waiting": stats.get("requests_waiting", 0),
        },
    )


async def schema(pool: Pool) -> ComponentHealth:
    """Say whether the tables that we write to are there."""
    try:
        async with asyncio.timeout(_DEADLINE_S), unit_of_work(pool) as conn:
            found = await conn.execute("SELECT version_num FROM core.migration")
            row = await found.fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except (*DATABASE_AWAY, PaymentsError, psycopg.errors.InsufficientPrivilege) as error:
        return ComponentHealth(status="unavailable", detail=f"cannot be read ({type(error).__name__})")
    if row is None:
        return ComponentHealth(status="unavailable", detail="not migrated; run payments-schema migrate")
    return ComponentHealth(status="ok", facts={"revision": row[0]})


async def queue(pool: Pool) -> ComponentHealth:
    """Say how many messages wait, how old the oldest is, and how many workers are alive."""
    try:
        async with asyncio.timeout(_DEADLINE_S), unit_of_work(pool) as conn:
            facts = await queue_facts(conn)
    except (*DATABASE_AWAY, PaymentsError, psycopg.errors.ProgrammingError) as error:
        return ComponentHealth(status="unavailable", detail=f"cannot be read ({type(error).__name__})")
    if facts["ready"] and not facts["workers"]:
        return ComponentHealth(status="degraded", detail="messages wait and no worker is alive", facts=facts)
    return ComponentHealth(status="ok", facts=facts)


async def queue_facts(conn: psycopg.AsyncConnection[Any]) -> dict[str, Any]:
    """Count the queue; dead letters are those that were given up."""
    found = await conn.execute(
        """
        SELECT count(*) FILTER (WHERE state = 'queued' AND due_at <= now()),
            count(*) FILTER (WHERE state = 'consumed'),
            count(*) FILTER (WHERE state = 'rejected'),
            coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE state = 'queued')), 0),
            (SELECT count(*) FROM dramatiq.worker WHERE seen_at > now() - interval '15 seconds')
        FROM dramatiq.queue WHERE state IN ('queued', 'consumed', 'rejected')
        """
    )
    ready, running, dead, oldest_s, workers = await found.fetchone() or (0, 0, 0, 0, 0)
    return {
        "ready": ready,
        "running": running,
        "dead": dead,
        "oldest_s": max(0, round(oldest_s)),
        "workers": workers,
    }
