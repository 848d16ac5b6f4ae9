"""Holds whose time is over are released once, with their postings and events, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dramatiq
import pytest_asyncio
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO, Retries
from payments_schema import ids
from payments_schema.cards import facts, lifecycle, movements, store
from payments_schema.cards.lifecycle import CardPayment, Change
from payments_schema.events import store as events
from payments_schema.ledger import store as ledger
from payments_schema.ledger.audit import integrity
from psycopg import AsyncConnection, Connection

from recon_worker.cards import actors, operations
from recon_worker.cards.operations import Expirer
from recon_worker.database import Line
from recon_worker.main import CloseLine

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


def authorized(begun_at: datetime, *, account_id: str | None = None) -> lifecycle.Authorized:
    return lifecycle.authorize(
        id=ids.new_id("pay"),
        client="test",
        account_id=account_id,
        currency="USD",
        amount_minor=1000,
        fee_bps=300,
        description=None,
        metadata={},
        now=begun_at,
        hold_for=WEEK,
    )


async def write(conn: AsyncConnection[Any], *changes: Change) -> CardPayment:
    await store.save(conn, changes)
    await ledger.post_many(conn, [movements.of(change) for change in changes])
    await events.record_many(conn, [facts.of(change) for change in changes])
    await conn.commit()
    return changes[-1].payment


@pytest_asyncio.fixture
async def expirer(database_url: str) -> AsyncIterator[Expirer]:
    made = Expirer(Line(database_url, name="test"), now=lambda: NOW)
    yield made
    await made.close()


async def test_overdue_holds_are_released_and_others_are_not(
    conn: AsyncConnection[Any], expirer: Expirer
) -> None:
    old = await write(conn, authorized(NOW - WEEK, account_id="ACC-1"))
    young = await write(conn, authorized(NOW - WEEK + timedelta(microseconds=1)))
    begun = authorized(NOW - WEEK)
    rest = await write(conn, begun, lifecycle.capture(begun.payment, 600, NOW - WEEK))
    assert await expirer.run() == 2
    assert await expirer.run() == 0
    expired, still, captured = [await store.get(conn, one.id) for one in (old, young, rest)]
    assert (expired.status, expired.held_minor) == ("expired", 0)
    assert (still.status, still.held_minor) == ("authorized", 1000)
    assert (captured.status, captured.held_minor, captured.captured_minor) == ("captured", 0, 600)
    told = await (await conn.execute("SELECT subject FROM core.event WHERE type = 'card.expired'")).fetchall()
    assert {subject for (subject,) in told} == {old.id, rest.id}
    assert (await integrity(conn)).ok


async def test_many_sweeps_at_once_release_each_hold_once(
    conn: AsyncConnection[Any], database_url: str, sql: Connection[Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(operations, "BATCH", 7)
    for _ in range(30):
        await write(conn, authorized(NOW - WEEK))
    sweeps = [Expirer(Line(database_url, name=f"test {n}"), now=lambda: NOW) for n in range(4)]
    await asyncio.gather(*(sweep.run() for sweep in sweeps))
    for sweep in sweeps:
        await sweep.run()
        await sweep.close()
    assert sql.execute("SELECT status, count(*) FROM core.card_payment GROUP BY 1").fetchall() == [
        ("expired", 30)
    ]
    assert sql.execute("SELECT count(*) FROM ledger.transaction WHERE key = 'expire'").fetchone() == (30,)


def test_the_actor_runs_the_sweep(sql: Connection[Any], database_url: str) -> None:
    async def prepare() -> None:
        async with await AsyncConnection.connect(database_url) as conn:
            await write(conn, authorized(NOW - WEEK))

    asyncio.run(prepare())
    expirer = Expirer(Line(database_url, name="test"), now=lambda: NOW)
    broker = StubBroker(middleware=[AsyncIO(), Retries(), CloseLine(expirer)])
    broker.emit_after("process_boot")
    actors.declare(broker, expirer, queue="maintenance")
    worker = dramatiq.Worker(broker, worker_timeout=100)
    worker.start()
    broker.get_actor(actors.EXPIRE).send()
    broker.join("maintenance", fail_fast=True, timeout=60_000)
    worker.stop()
    assert sql.execute("SELECT status FROM core.card_payment").fetchall() == [("expired",)]
