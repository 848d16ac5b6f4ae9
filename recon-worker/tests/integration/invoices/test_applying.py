"""Payment events make invoices paid: once each, in order, whatever is repeated, shuffled or killed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from payments_schema.invoices import inbox, store
from payments_schema.invoices.inbox import Arrived
from payments_schema.jobs import store as jobs
from payments_schema.ledger.audit import integrity
from payments_schema.wire.invoices import EventStatus
from payments_schema.wire.jobs import JobStatus
from psycopg import AsyncConnection, Connection

from recon_worker.database import Line
from recon_worker.invoices.operations import Applier, Patience

SEED = UUID("550e8400-e29b-41d4-a716-446655440000")


def event(amount: int, invoice_id: UUID = SEED, event_id: UUID | None = None) -> Arrived:
    chosen = event_id or uuid4()
    return Arrived(chosen, invoice_id, amount, json.dumps({"event_id": str(chosen)}))


async def arrive(conn: AsyncConnection[Any], *events: Arrived) -> int:
    fresh = await inbox.accept(conn, events)
    await conn.commit()
    return fresh


async def sums(conn: AsyncConnection[Any], invoice_id: UUID = SEED) -> tuple[str, int, int]:
    invoice = await store.get(conn, invoice_id)
    await conn.commit()
    return invoice.status.value, invoice.paid_minor, invoice.credit_minor


async def an_invoice(conn: AsyncConnection[Any], total: int) -> UUID:
    id_ = uuid4()
    await conn.execute(
        "INSERT INTO core.invoice (id, currency, total_minor, customer) VALUES (%s, 'USD', %s, 'C')",
        [id_, total],
    )
    await conn.commit()
    return id_


@pytest_asyncio.fixture
async def applier(database_url: str) -> AsyncIterator[Applier]:
    made = Applier(Line(database_url, name="test"))
    yield made
    await made.close()


async def test_the_seed_invoice(conn: AsyncConnection[Any], applier: Applier) -> None:
    first = event(3000)
    assert await arrive(conn, first) == 1
    await applier.run([SEED])
    assert await sums(conn) == ("partially_paid", 3000, 0)
    assert await arrive(conn, first) == 0
    await applier.run([SEED])
    assert await sums(conn) == ("partially_paid", 3000, 0)
    await arrive(conn, event(7000))
    await applier.run([SEED])
    assert await sums(conn) == ("paid", 10000, 0)
    await arrive(conn, event(500))
    await applier.run([SEED])
    assert await sums(conn) == ("paid", 10000, 500)
    assert await store.credits_of(conn, "Example customer") == [("USD", 500)]
    credited = await (
        await conn.execute(
            "SELECT direction, amount FROM public.ledger_entries WHERE account_id = 'Example customer'"
        )
    ).fetchall()
    assert [(d, str(a)) for d, a in credited] == [("credit", "5.00")]
    assert (await integrity(conn)).ok


async def test_an_unknown_invoice_waits_then_is_a_dead_letter_that_can_be_retried(
    conn: AsyncConnection[Any], database_url: str
) -> None:
    clock = [datetime.now(UTC)]
    applier = Applier(Line(database_url, name="test"), Patience(unknown_s=60), now=lambda: clock[0])
    invoice_id = uuid4()
    await arrive(conn, lost := event(100, invoice_id))
    await applier.run([invoice_id])
    page = await inbox.list_page(conn, limit=5, cursor=None, status=None, invoice_id=invoice_id)
    assert [(e.status, e.attempts, e.error) for e in page.data] == [("waiting", 1, "no such invoice")]
    await conn.commit()
    clock[0] += timedelta(seconds=61)
    await applier.run([invoice_id])
    page = await inbox.list_page(conn, limit=5, cursor=None, status=EventStatus.DEAD, invoice_id=None)
    [dead] = (await jobs.list_page(conn, status=JobStatus.DEAD)).data
    assert page.data[0].job_id == dead.id
    assert "no such invoice" in (dead.error or "")
    await jobs.retry(conn, dead.id)
    await conn.execute(
        "INSERT INTO core.invoice (id, currency, total_minor) VALUES (%s, 'USD', 100)", [invoice_id]
    )
    await conn.commit()
    assert await applier.revive(lost.event_id) == invoice_id
    await applier.run([invoice_id])
    assert await sums(conn, invoice_id) == ("paid", 100, 0)
    await applier.close()


async def test_sums_beyond_64_bits_poison_nothing(conn: AsyncConnection[Any], applier: Applier) -> None:
    await arrive(conn, event(2**63 - 1), event(2**63 - 1), event(1))
    assert await applier.run([SEED]) == {}
    assert await sums(conn) == ("paid", 10000, 2 * (2**63 - 1) + 1 - 10000)
    await arrive(conn, event(1))
    assert await applier.run([SEED]) == {}


async def test_shuffled_and_repeated_events_over_workers_equal_the_oracle(
    conn: AsyncConnection[Any], database_url: str, sql: Connection[Any], superuser: Connection[Any]
) -> None:
    dice = random.Random(7)
    invoices = [await an_invoice(conn, dice.randint(500, 5000)) for _ in range(20)]
    sent = [event(dice.randint(1, 400), dice.choice(invoices)) for _ in range(400)]
    stream = sent + dice.sample(sent, 200)
    dice.shuffle(stream)
    workers = [Applier(Line(database_url, name=f"test {n}")) for n in range(4)]

    async def feed() -> None:
        async with await AsyncConnection.connect(database_url) as own:
            for at in range(0, len(stream), 10):
                await arrive(own, *stream[at : at + 10])

    async def work(worker: Applier) -> None:
        while feeding.done() is False:
            await worker.run(dice.sample(invoices, 7))

    feeding = asyncio.create_task(feed())
    working = [asyncio.create_task(work(worker)) for worker in workers]
    await asyncio.sleep(0)
    while not feeding.done():
        # A worker dies in the midst of whatever it was doing: its connection goes, its commit does not come.
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database() AND application_name = %s",
            [f"test {dice.randrange(4)}"],
        )
        await asyncio.sleep(0.05)
    await asyncio.gather(feeding, *working)
    await workers[0].run(invoices)
    for invoice_id in invoices:
        total = (await store.get(conn, invoice_id)).total_minor
        due = sum(e.amount_minor for e in sent if e.invoice_id == invoice_id)
        status, paid, credit = await sums(conn, invoice_id)
        assert (paid, credit) == (min(due, total), max(0, due - total))
        assert status == ("paid" if due >= total else "partially_paid" if due else "sent")
    assert (await integrity(conn)).ok
    posted = sql.execute("SELECT count(*) FROM ledger.transaction WHERE kind = 'invoice_payment'").fetchone()
    assert posted == (len(sent),)
    for worker in workers:
        await worker.close()
