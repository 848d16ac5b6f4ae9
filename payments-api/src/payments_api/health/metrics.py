"""The figures that Prometheus reads besides the requests' durations. Must not name a client or an account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.jobs import store as jobs
from prometheus_client import CollectorRegistry, Gauge

from payments_api.http.problems import DATABASE_UNUSABLE

_DEADLINE_S = 1.0


@dataclass(frozen=True)
class Gauges:
    """What is read from Postgres and the pool at each scrape."""

    database_up: Gauge
    queue: Gauge
    oldest_s: Gauge
    workers: Gauge
    connections: Gauge


def make_gauges(registry: CollectorRegistry) -> Gauges:
    """Register the gauges."""
    return Gauges(
        Gauge("payments_database_up", "1 where Postgres answered this scrape.", registry=registry),
        Gauge("payments_queue_messages", "Messages of the queue.", ["state"], registry=registry),
        Gauge("payments_queue_oldest_seconds", "Age of the oldest message that waits.", registry=registry),
        Gauge("payments_workers", "Workers seen in the last 15 s.", registry=registry),
        Gauge("payments_pool_connections", "Connections of this process.", ["state"], registry=registry),
    )


async def refresh(gauges: Gauges, pool: Pool) -> None:
    """Read everything anew; without a database the last figures stay and `payments_database_up` is 0."""
    stats = pool.get_stats()
    gauges.connections.labels("all").set(stats.get("pool_size", 0))
    gauges.connections.labels("free").set(stats.get("pool_available", 0))
    try:
        async with asyncio.timeout(_DEADLINE_S), unit_of_work(pool) as conn:
            depth = await jobs.depth(conn)
    except DATABASE_UNUSABLE:
        gauges.database_up.set(0)
        return
    gauges.database_up.set(1)
    for state, number in (("ready", depth.ready), ("running", depth.running), ("dead", depth.dead)):
        gauges.queue.labels(state).set(number)
    gauges.oldest_s.set(depth.oldest_s)
    gauges.workers.set(depth.workers)
