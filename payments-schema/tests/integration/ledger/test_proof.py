"""The ledger proves itself: past balances, seals, periods, corrections."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import AsyncConnection, sql

from payments_schema import ids
from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.errors import InvalidAmount, InvalidTransition, NotFound
from payments_schema.ledger import corrections, history, movements, periods, seals, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money
from payments_schema.payments import store as payments
from payments_schema.payments.store import NewPayment
from payments_schema.reconciliation import store as reconciliation
from payments_schema.wire.payments import PaymentStatus, ReconciliationStatus

CLEARING = platform("settlement_clearing")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_posting(step: int, amount: int = 100, *, at: datetime | None = None, code: str = "ACC-1") -> Posting:
    money = Money(amount, "USD")
    entries = (Entry(customer(code), CREDIT, money), Entry(CLEARING, DEBIT, money))
    return Posting("payment", f"ref-{code}-{step}", "posted", entries, at)


async def posted(pool: Pool, postings: list[Posting]) -> None:
    async with unit_of_work(pool) as conn:
        outcomes = await store.post_many(conn, postings)
    assert {outcome.outcome for outcome in outcomes} <= {"posted"}


async def seal_all(pool: Pool, expected: int) -> None:
    """Seal until that many more are sealed: other databases' open transactions keep what is new unsettled."""
    sealed = 0
    async with asyncio.timeout(120):
        while sealed < expected:
            async with unit_of_work(pool) as conn:
                sealed += await seals.seal(conn)
    assert sealed == expected


async def broken(pool: Pool) -> list[seals.BrokenBlock]:
    async with unit_of_work(pool) as conn:
        return [block async for checked in seals.check(conn) for block in checked.broken]


async def test_past_balances_are_right_with_and_without_summaries(pool: Pool) -> None:
    chance = random.Random(7)
    times = [NOON + timedelta(seconds=chance.randrange(-5_000, 5_000)) for _ in range(700)]
    amounts = [chance.randrange(1, 10_000) for _ in times]
    for start in range(0, 700, 100):
        await posted(pool, [a_posting(i, amounts[i], at=times[i]) for i in range(start, start + 100)])
        if start == 400:
            await seal_all(pool, 500)  # the last runs stay without a summary
    async with unit_of_work(pool) as conn:
        for offset in (-6_000, -4_999, -1_234, 0, 1, 3_333, 6_000):
            at = NOON + timedelta(seconds=offset)
            expected = sum(a for a, t in zip(amounts, times, strict=True) if t <= at)
            assert (await history.balance_at(conn, customer("ACC-1"), "USD", at)).minor == expected
            assert (await history.balance_at(conn, CLEARING, "USD", at)).minor == expected
        assert (await history.balance_at(conn, customer("nobody"), "USD", NOON)).minor == 0


async def test_the_recorded_clock_does_not_know_what_came_later(pool: Pool) -> None:
    await posted(pool, [a_posting(1, 500, at=NOON)])
    async with unit_of_work(pool) as conn:
        cursor = await conn.execute("SELECT max(recorded_at) FROM ledger.transaction")
        row = await cursor.fetchone()
    assert row is not None
    then = row[0]
    await posted(pool, [a_posting(2, 70, at=NOON - timedelta(days=3))])  # back-dated
    async with unit_of_work(pool) as conn:
        assert (await history.balance_at(conn, customer("ACC-1"), "USD", then, recorded=True)).minor == 500
        early = NOON - timedelta(days=1)
        assert (await history.balance_at(conn, customer("ACC-1"), "USD", early)).minor == 70


async def test_every_transaction_is_sealed_once_and_none_that_might_have_an_older_neighbour(
    pool: Pool,
) -> None:
    async with unit_of_work(pool) as slow:
        await store.post(slow, a_posting(0, code="SLOW"))  # holds an early number and stays open
        async with pool.connection() as other:
            await store.post_many(other, [_elsewhere(1)])
        for _ in range(2):  # one marks, one would seal
            async with unit_of_work(pool) as conn:
                assert await seals.seal(conn) == 0
    await seal_all(pool, 2)
    assert await broken(pool) == []
    await posted(pool, [a_posting(i) for i in range(10, 700)])
    await seal_all(pool, 690)
    assert await broken(pool) == []


def _elsewhere(step: int) -> Posting:
    """A posting that shares no account with the others, so that it waits for nobody."""
    money = Money(5, "EUR")
    return Posting(
        "payment",
        f"else-{step}",
        "posted",
        (Entry(customer("E"), CREDIT, money), Entry(CLEARING, DEBIT, money)),
    )


ALTERATIONS = {
    "amount": "UPDATE ledger.entry SET amount_minor = amount_minor + 1 WHERE transaction_id = 5 AND leg = 1",
    "direction": "UPDATE ledger.entry SET direction = 'debit' WHERE transaction_id = 5 AND leg = 1",
    "balance": "UPDATE ledger.entry SET balance_after = 0 WHERE transaction_id = 5 AND leg = 1",
    "kind": "UPDATE ledger.transaction SET kind = 'gift' WHERE id = 5",
    "effective_at": "UPDATE ledger.transaction SET effective_at = '2020-01-01' WHERE id = 5",
    "reference": "UPDATE ledger.transaction SET reference = 'other' WHERE id = 5",
}


@pytest.mark.parametrize("what", sorted(ALTERATIONS))
async def test_a_superusers_change_breaks_the_chain_and_is_named(
    pool: Pool, superuser_url: str, what: str
) -> None:
    await posted(pool, [a_posting(i, at=NOON) for i in range(10)])
    await seal_all(pool, 10)
    with psycopg.connect(superuser_url) as mighty:
        mighty.execute("SET session_replication_role = replica")  # triggers sleep
        mighty.execute(ALTERATIONS[what])
    found = await broken(pool)
    assert [block.transactions for block in found] == [(ids.sequence_id("txn", 5),)]


async def test_a_removed_block_breaks_the_chain(pool: Pool, superuser_url: str) -> None:
    for round_ in range(3):
        await posted(pool, [a_posting(round_ * 10 + i) for i in range(10)])
        await seal_all(pool, 10)
    with psycopg.connect(superuser_url) as mighty:
        mighty.execute("SET session_replication_role = replica")
        mighty.execute("DELETE FROM ledger.seal WHERE number = 2")
    assert [block.number for block in await broken(pool)] == [2, 3]


async def test_what_is_dated_into_a_closed_period_goes_to_the_open_one(pool: Pool) -> None:
    async with unit_of_work(pool) as conn:
        await periods.close(conn, NOON, by="anna", reason="February is done")
    await posted(pool, [a_posting(1, at=NOON - timedelta(days=9)), a_posting(2, at=NOON + timedelta(days=1))])
    async with unit_of_work(pool) as conn:
        cursor = await conn.execute("SELECT effective_at, stated_at FROM ledger.transaction ORDER BY id")
        assert await cursor.fetchall() == [(NOON, NOON - timedelta(days=9)), (NOON + timedelta(days=1), None)]
        with pytest.raises(InvalidTransition):
            await periods.close(conn, NOON, by="anna", reason="again")
    async with unit_of_work(pool) as conn:
        with pytest.raises(InvalidTransition):
            await periods.close(conn, datetime.now(UTC) + timedelta(days=1), by="anna", reason="the future")
        assert [close.reason for close in await periods.listed(conn)] == ["February is done"]


async def a_discrepancy(pool: Pool, key: str = "k") -> str:
    """A reconciled payment of 10.13 with 0.13 in suspense; returns its id."""
    async with unit_of_work(pool) as conn:
        [outcome] = await payments.create_many(conn, "local", [NewPayment(key, "ACC-1", Money(1013, "USD"))])
        assert outcome.payment is not None
        cursor = await conn.execute(
            "SELECT id FROM core.recon_job WHERE payment_id = %s", [outcome.payment.id]
        )
        jobs = await reconciliation.claim(conn, [row[0] for row in await cursor.fetchall()], "test")
        posting = movements.direct_payment(
            jobs[0].payment_id, "ACC-1", Money(1013, "USD"), jobs[0].created_at, Money(13, "USD")
        )
        verdict = ReconciliationStatus.COMPLETED_WITH_DISCREPANCY
        note = "Discrepancy detected in amount"
        done = reconciliation.Outcome(jobs[0], verdict, False, 13, note, PaymentStatus.COMPLETED, posting)
        await reconciliation.complete_many(conn, [done], worker="test")
    return str(outcome.payment.id)


async def test_a_difference_is_resolved_in_parts_and_never_beyond_what_is_open(pool: Pool) -> None:
    payment_id = await a_discrepancy(pool)
    async with unit_of_work(pool) as conn:
        assert [d.amount for _, d in await corrections.open_differences(conn)] == [Money(13, "USD")]
        await corrections.adjust(
            conn, payment_id, "resolve", Money(10, "USD"), reason="found in the bank", actor="anna"
        )
    with pytest.raises(InvalidAmount) as refused:
        async with unit_of_work(pool) as conn:
            await corrections.adjust(conn, payment_id, "write_off", Money(4, "USD"), reason="x", actor="anna")
    assert refused.value.extra["remaining"] == 3
    async with unit_of_work(pool) as conn:
        rest = await corrections.adjust(conn, payment_id, "write_off", None, reason="too small", actor="ben")
        assert rest.amount == Money(3, "USD")
        assert await corrections.open_differences(conn) == []
        assert (await store.balance(conn, platform("suspense"), "USD")).posted.minor == 0
        assert (await store.balance(conn, platform("write_offs"), "USD")).posted.minor == 3
        assert [a.reason for a in await corrections.adjustments(conn, payment_id)] == [
            "found in the bank",
            "too small",
        ]
    with pytest.raises(InvalidTransition):
        async with unit_of_work(pool) as conn:
            await corrections.adjust(conn, payment_id, "resolve", None, reason="again", actor="anna")
    with pytest.raises(NotFound):
        async with unit_of_work(pool) as conn:
            await corrections.adjust(conn, "nobody", "resolve", None, reason="x", actor="anna")


async def test_a_transaction_is_reversed_once_and_a_payments_own_never(pool: Pool) -> None:
    payment_id = await a_discrepancy(pool)
    async with unit_of_work(pool) as conn:
        done = await corrections.adjust(conn, payment_id, "write_off", None, reason="wrong", actor="anna")
    async with unit_of_work(pool) as conn:
        await corrections.reverse(conn, done.transaction_id, reason="a mistake", actor="anna")
        assert (await store.balance(conn, platform("suspense"), "USD")).posted.minor == 13
        assert [d.amount.minor for _, d in await corrections.open_differences(conn)] == [13]  # open again
    with pytest.raises(InvalidTransition, match="before"):
        async with unit_of_work(pool) as conn:
            await corrections.reverse(conn, done.transaction_id, reason="a mistake", actor="anna")
    with pytest.raises(InvalidTransition, match="belongs to a payment"):
        async with unit_of_work(pool) as conn:
            await corrections.reverse(conn, ids.sequence_id("txn", 1), reason="x", actor="anna")
    with pytest.raises(NotFound):
        async with unit_of_work(pool) as conn:
            await corrections.reverse(conn, "txn_nonsense", reason="x", actor="anna")


@pytest.mark.parametrize("table", ["ledger.seal", "ledger.period_close", "core.adjustment"])
async def test_records_are_append_only_for_the_application(conn: AsyncConnection, table: str) -> None:
    name = sql.Identifier(*table.split("."))
    for statement in ("DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute(sql.SQL(statement).format(name))
        await conn.rollback()


async def test_totals_name_every_account_once(pool: Pool) -> None:
    await a_discrepancy(pool)
    async with unit_of_work(pool) as conn:
        lines = {
            (line.account, line.currency): (line.debits, line.credits)
            for line in await history.trial_balance(conn)
        }
        assert lines == {
            ("customer", "USD"): (0, 1013),
            ("settlement_clearing", "USD"): (1000, 0),
            ("suspense", "USD"): (13, 0),
        }
        [row] = await history.accounts(conn, owner_kind="customer", code="ACC-1")
        assert (row.posted, row.available, row.version) == (1013, 1013, 1)
        assert "write_offs" in {line.code for line in await history.chart(conn)}
