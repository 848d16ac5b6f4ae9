"""Builders that tests share: say only what the test is about. Must not hold assertions."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from itertools import count
from typing import Any

from payments_schema.ids import uuid7
from payments_schema.ledger import movements
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money
from payments_schema.payments import store
from payments_schema.payments.store import NewPayment
from payments_schema.reconciliation import store as recon
from payments_schema.wire.payments import PaymentStatus, ReconciliationStatus

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_numbers = count(1)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def a_payment(
    key: str | None = None, account: str = "ACC-1", amount: Money | None = None, **rest: Any
) -> NewPayment:
    return NewPayment(key or f"key-{next(_numbers)}", account, amount or usd(25000), **rest)


def a_posting(
    account: str = "ACC-1", amount: Money | None = None, *, key: str = "k", reference: str | None = None
):
    """Money for a customer out of clearing."""
    money = amount or usd(100)
    entries = (Entry(customer(account), CREDIT, money), Entry(platform("settlement_clearing"), DEBIT, money))
    return Posting("test", reference or str(uuid7()), key, entries, NOON)


def a_withdrawal(account: str, amount: Money) -> Posting:
    entries = (Entry(customer(account), DEBIT, amount), Entry(platform("platform_cash"), CREDIT, amount))
    return Posting("withdrawal", str(uuid7()), "k", entries, NOON)


def decided(
    job: recon.ReconJob, *, discrepancy_minor: int | None = None, is_refused: bool = False
) -> recon.Outcome:
    amount = Money(job.amount_minor, job.currency)
    if is_refused:
        return recon.Outcome(
            job,
            ReconciliationStatus.FAILED,
            False,
            None,
            "Negative amount not allowed",
            PaymentStatus.FAILED,
            None,
        )
    doubt = None if discrepancy_minor is None else Money(discrepancy_minor, job.currency)
    posting = movements.direct_payment(job.payment_id, job.account_id, amount, job.created_at, doubt)
    if doubt is None:
        return recon.Outcome(
            job,
            ReconciliationStatus.COMPLETED,
            True,
            None,
            "Successfully reconciled",
            PaymentStatus.COMPLETED,
            posting,
        )
    return recon.Outcome(
        job,
        ReconciliationStatus.COMPLETED_WITH_DISCREPANCY,
        False,
        discrepancy_minor,
        "Discrepancy detected in amount",
        PaymentStatus.COMPLETED,
        posting,
    )


async def open_job_ids(conn) -> list[int]:
    rows = await conn.execute("SELECT id FROM core.recon_job WHERE status = 'pending' ORDER BY id")
    return [row[0] for row in await rows.fetchall()]


async def some_payments(conn, *items: NewPayment) -> list[store.Payment]:
    """Created and committed."""
    outcomes = await store.create_many(conn, "client", items or [a_payment()])
    await conn.commit()
    return [o.payment for o in outcomes if o.payment is not None]


async def reconcile_all(conn, **how: Any) -> int:
    """Every open payment decided the same way, and committed."""
    jobs = await recon.claim(conn, await open_job_ids(conn), "test-worker")
    done = await recon.complete_many(conn, [decided(job, **how) for job in jobs], worker="test-worker")
    await conn.commit()
    return done


async def fetch(conn, statement: str, *parameters: Any) -> list[Any]:
    cursor = await conn.execute(statement, parameters or None)
    return await cursor.fetchall()


async def one(conn, statement: str, *parameters: Any) -> Any:
    """The only value of the only row."""
    rows = await fetch(conn, statement, *parameters)
    assert len(rows) == 1
    assert len(rows[0]) == 1
    return rows[0][0]


async def until(condition, *, within_s: float = 60) -> Any:
    """The first truthy answer of an async condition; fails when time is up."""
    ends = time.monotonic() + within_s
    while True:
        found = await condition()
        if found:
            return found
        assert time.monotonic() < ends, "the condition never came true"
        await asyncio.sleep(0.01)
