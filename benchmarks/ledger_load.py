"""What the ledger's benchmarks load and how they time it. Must not judge."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import count

from payments_schema.ids import uuid7
from payments_schema.ledger import seals, store
from payments_schema.ledger.movements import direct_payment
from payments_schema.ledger.posting import Posting
from payments_schema.money import Money
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Connection = AsyncConnection[TupleRow]
Work = Callable[[Connection], Awaitable[object]]
CUSTOMERS = 1000
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
WARM_UP = 20


def postings(name: str) -> Iterator[Posting]:
    """Endless direct payments; each touches one customer and the one hot account settlement_clearing."""
    for number in count():
        yield direct_payment(uuid7(), f"{name}-{number % CUSTOMERS}", Money(2500, "USD"), None)


async def load(conn: Connection, entries: int, batch: int = 1000) -> None:
    """Bring the ledger to this many entries, set-based, and seal them, as the worker has by the time."""
    have = await entry_count(conn)
    source = postings("load")
    while have < entries:
        wanted = min(batch, (entries - have + 1) // 2)
        await store.post_many(conn, [next(source) for _ in range(wanted)])
        await conn.commit()
        have += 2 * wanted
    # What the worker and autovacuum do in time, at once, so that their work is in no measurement.
    await conn.set_autocommit(True)
    for _ in range(2):  # what the first marks, the second seals
        while await seals.seal(conn, limit=20_000):
            pass
    await conn.execute(
        "VACUUM (ANALYZE) ledger.balance, ledger.entry, ledger.transaction, ledger.account, ledger.seal,"
        " ledger.summary, ledger.timeline"
    )
    await conn.execute("CHECKPOINT")
    await conn.set_autocommit(False)


async def entry_count(conn: Connection) -> int:
    """How many entries there are."""
    row = await (await conn.execute("SELECT count(*) FROM ledger.entry")).fetchone()
    assert row is not None
    return int(row[0])


async def durability(conn: Connection) -> dict[str, str]:
    """The settings that make a commit durable, as the server has them."""
    cursor = await conn.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(DURABLE)])
    return {str(row[0]): str(row[1]) for row in await cursor.fetchall()}


async def typical_us(sides: Mapping[str, tuple[Connection, Work]], repeats: int) -> dict[str, float]:
    """Microseconds of the middle run of each side; the sides take turns, so that noise falls on all alike.

    Commits are not counted: they are the disk's, equal at any size, and would hide a difference.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats + WARM_UP):
        for name, (conn, work) in sides.items():
            started = time.perf_counter_ns()
            await work(conn)
            taken[name].append((time.perf_counter_ns() - started) / 1000)
            await conn.commit()
    return {name: round(statistics.median(each[WARM_UP:]), 1) for name, each in taken.items()}
