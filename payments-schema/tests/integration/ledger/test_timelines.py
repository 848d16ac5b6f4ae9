"""Past balances by timelines: whatever the order of the times, they are what the entries add up to."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import AsyncConnection

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import history, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money
from payments_schema.wire.ledger import Phase

CLEARING = platform("settlement_clearing")
ACCOUNT = customer("ACC-1")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = 64


def in_order(_chance: random.Random, step: int) -> datetime:
    """Each later than the one before."""
    return NOON + timedelta(seconds=step)


def nearly_in_order(chance: random.Random, step: int) -> datetime:
    """Each within some runs of its place."""
    return NOON + timedelta(seconds=step + chance.randrange(-200, 200))


def at_random(chance: random.Random, _step: int) -> datetime:
    """No order at all: every run straddles every moment."""
    return NOON + timedelta(seconds=chance.randrange(-5_000, 5_000))


def history_imported_late(_chance: random.Random, step: int) -> datetime:
    """One of today, and behind it the years before, in order."""
    return NOON if step == 0 else NOON - timedelta(days=1500 - step)


def with_one_far_back(_chance: random.Random, step: int) -> datetime:
    """In order, but for one that belongs to the year before."""
    return NOON + timedelta(seconds=step) - (timedelta(days=365) if step == 500 else timedelta())


def all_at_once(_chance: random.Random, _step: int) -> datetime:
    """Times that tie."""
    return NOON


MANNERS = (in_order, nearly_in_order, at_random, history_imported_late, with_one_far_back, all_at_once)


def some_postings(chance: random.Random, times: list[datetime], start: int) -> list[Posting]:
    """One posting a time, in either direction; some are only pending."""
    made: list[Posting] = []
    for step, at in enumerate(times, start):
        money = Money(chance.randrange(1, 10_000), "USD")
        there, back = (CREDIT, DEBIT) if chance.random() < 0.7 else (DEBIT, CREDIT)
        entries = (Entry(ACCOUNT, there, money), Entry(CLEARING, back, money))
        phase = Phase.PENDING if chance.random() < 0.1 else Phase.POSTED
        made.append(Posting("payment", f"ref-{step}", "posted", entries, at, phase))
    return made


def summarised(superuser_url: str, statement: bytes | None = None) -> None:
    """Summarise as sealing would: that waits for whatever is open on the server, and this does not."""
    with psycopg.connect(superuser_url) as mighty:
        if statement is not None:
            mighty.execute(statement)
        mighty.execute(
            "SELECT ledger.summarise((SELECT coalesce(max(e.transaction_id), 0) FROM ledger.timeline AS t"
            " JOIN ledger.entry AS e ON e.account_id = t.account_id AND e.version = (t.block + 1) * 64),"
            " (SELECT coalesce(max(id), 0) FROM ledger.transaction))"
        )


async def moments(conn: AsyncConnection, column: str) -> list[datetime]:
    """A few of the times that there are, a little before and after each, and far away."""
    found = await (await conn.execute("SELECT effective_at, recorded_at FROM ledger.transaction")).fetchall()
    times = {row[0 if column == "effective_at" else 1] for row in found}
    step = timedelta(microseconds=1)
    chosen = random.Random(3).sample(sorted(times), min(len(times), 4))
    return [at + off for at in chosen for off in (-step, timedelta(), step)] + [
        NOON - timedelta(days=9_000),
        NOON + timedelta(days=9_000),
    ]


async def require_right(pool: Pool) -> None:
    """Every past balance, on both clocks, equals the sum of the entries up to then."""
    async with unit_of_work(pool) as conn:
        for recorded in (False, True):
            for at in await moments(conn, "recorded_at" if recorded else "effective_at"):
                for account in (ACCOUNT, CLEARING):
                    told = await history.balance_at(conn, account, "USD", at, recorded=recorded)
                    assert told == await store.balance_as_of(conn, account, "USD", at, recorded=recorded), at


WITHOUT_TIMES = b"UPDATE ledger.timeline SET effective = NULL, recorded = NULL, nets = NULL"


@pytest.mark.parametrize("manner", MANNERS)
async def test_past_balances_are_the_sums_of_their_entries(pool: Pool, superuser_url: str, manner) -> None:
    chance = random.Random(11)
    for start in range(0, 23 * RUN, 8 * RUN):  # the last ones stay without a timeline
        async with unit_of_work(pool) as conn:
            times = [manner(chance, step) for step in range(start, start + 8 * RUN)]
            await store.post_many(conn, some_postings(chance, times, start))
        if start < 16 * RUN:
            summarised(superuser_url)
    await require_right(pool)
    summarised(superuser_url, WITHOUT_TIMES)  # as a migration leaves what was sealed before
    await require_right(pool)


async def test_overlapping_transactions_are_told_apart_on_the_recorded_clock(
    pool: Pool, superuser_url: str
) -> None:
    chance = random.Random(5)
    step = 0
    for _ in range(3):
        async with unit_of_work(pool) as early:
            await early.execute("SELECT 1")  # its time is taken, but the versions go to those who post first
            for _ in range(3):
                async with unit_of_work(pool) as late:
                    await store.post_many(late, some_postings(chance, [NOON] * 50, step))
                step += 50
            await store.post_many(early, some_postings(chance, [NOON] * 50, step))
            step += 50
    summarised(superuser_url)
    with psycopg.connect(superuser_url) as mighty:
        row = mighty.execute("SELECT max(recorded_lag) FROM ledger.timeline").fetchone()
    assert row is not None
    assert row[0] > 0
    await require_right(pool)


async def test_a_timeline_is_the_same_made_at_once_or_bit_by_bit(pool: Pool, superuser_url: str) -> None:
    chance = random.Random(9)
    whole = (
        "SELECT account_id, block, through, effective_high, recorded_high, effective_lag, recorded_lag"
        " FROM ledger.timeline ORDER BY account_id, block"
    )
    for start in range(0, 300, 50):
        async with unit_of_work(pool) as conn:
            times = [nearly_in_order(chance, step) for step in range(start, start + 50)]
            await store.post_many(conn, some_postings(chance, times, start))
        summarised(superuser_url)
    with psycopg.connect(superuser_url) as mighty:
        bit_by_bit = mighty.execute(whole).fetchall()
        mighty.execute("DELETE FROM ledger.timeline")
        mighty.execute(
            "SELECT ledger.continue_timelines(array_agg(account_id), array_agg(block), false)"
            " FROM ledger.summary WHERE level = 1"
        )
        assert len(bit_by_bit) == 2 * (300 // RUN)
        assert mighty.execute(whole).fetchall() == bit_by_bit


async def test_the_application_may_not_write_a_timeline(conn: AsyncConnection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await conn.execute("DELETE FROM ledger.timeline")
