"""Finds out how the parts are, each within a deadline. Must not fail because one of them does."""

from __future__ import annotations

import asyncio
from time import perf_counter

from payments_schema.database import standing
from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.jobs import store as jobs
from payments_schema.wire.health import ComponentHealth

from payments_api.http.problems import DATABASE_UNUSABLE

_DEADLINE_S = 2.0


async def database(pool: Pool) -> ComponentHealth:
    """Say whether Postgres answers, and how fast."""
    started = perf_counter()
    try:
        async with asyncio.timeout(_DEADLINE_S), unit_of_work(pool) as conn:
            await conn.execute("SELECT 1")
    except DATABASE_UNUSABLE as error:
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
            revision = await standing.revision(conn)
    except DATABASE_UNUSABLE as error:
        return ComponentHealth(status="unavailable", detail=f"cannot be read ({type(error).__name__})")
    if revision is None:
        return ComponentHealth(status="unavailable", detail="not migrated; run payments-schema migrate")
    return ComponentHealth(status="ok", facts={"revision": revision})


async def queue(pool: Pool) -> ComponentHealth:
    """Say how many messages wait, how old the oldest is, and how many workers are alive."""
    try:
        async with asyncio.timeout(_DEADLINE_S), unit_of_work(pool) as conn:
            depth = await jobs.depth(conn)
    except DATABASE_UNUSABLE as error:
        return ComponentHealth(status="unavailable", detail=f"cannot be read ({type(error).__name__})")
    if depth.ready and not depth.workers:
        detail = "messages wait and no worker is alive"
        return ComponentHealth(status="degraded", detail=detail, facts=depth._asdict())
    return ComponentHealth(status="ok", facts=depth._asdict())
