"""The chain in rounds: what is new at once, every block in its turn, and a small chain whole every time."""

from __future__ import annotations

import asyncio

import psycopg

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import rolling, seals, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money

MONEY = Money(100, "USD")
ENTRIES = (Entry(customer("ACC-1"), CREDIT, MONEY), Entry(platform("settlement_clearing"), DEBIT, MONEY))


async def add_block(pool: Pool, number: int) -> None:
    """One transaction, sealed; what others on the server have open keeps it unsettled for a while."""
    async with unit_of_work(pool) as conn:
        await store.post(conn, Posting("payment", f"ref-{number}", "posted", ENTRIES))
    async with asyncio.timeout(120):
        while True:
            async with unit_of_work(pool) as conn:
                await seals.seal(conn)
                if (await seals.newest(conn)).number == number:
                    return


async def called(pool: Pool, rounds: rolling.Rounds) -> list[int]:
    """The numbers of the blocks that one call found broken."""
    async with unit_of_work(pool) as conn:
        found = await rounds.next(conn)
    assert found.ok is not bool(found.offenders)
    return [block["number"] for block in found.offenders]


async def test_a_round_comes_to_every_block_and_news_are_checked_at_once(
    pool: Pool, superuser_url: str
) -> None:
    rounds = rolling.Rounds(stretch=2)
    assert await called(pool, rounds) == []  # nothing is sealed yet
    for number in range(1, 7):
        await add_block(pool, number)
    assert await called(pool, rolling.Rounds()) == []
    with psycopg.connect(superuser_url) as mighty:
        mighty.execute("SET session_replication_role = replica")
        mighty.execute("UPDATE ledger.entry SET amount_minor = 99 WHERE transaction_id IN (3, 6)")
    assert await called(pool, rolling.Rounds()) == [3, 6]
    # The round's own stretch (1 and 2, 3 and 4, 5 and 6, again), and what is new to these rounds (5 and 6).
    assert [await called(pool, rounds) for _ in range(4)] == [[6], [3], [6], []]
