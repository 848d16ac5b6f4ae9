"""The ledger bench's second half: statements, past balances, the audit, and two hundred writers at once.

Must not make a database; it measures in the one that it is given.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, cast

import psycopg
from payments_schema.database.pool import Pool, open_pool, unit_of_work
from payments_schema.ids import uuid7
from payments_schema.ledger import audit, full_audit, history, seals, store
from payments_schema.ledger.movements import direct_payment
from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, customer, platform
from payments_schema.money import Money
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Connection = AsyncConnection[TupleRow]
Typical = Callable[[Connection, Callable[[], Awaitable[object]], int], Awaitable[float]]
HOT = platform("settlement_clearing")
WRITERS = 200
PLAIN = "SELECT account_id, sum(amount_minor), count(*) FROM ledger.entry GROUP BY account_id"


def five_legs() -> Posting:
    """A capture's shape: hold released, funds taken, payable and fee credited."""
    held, fee = Money(1250, "USD"), Money(37, "USD")
    entries = (
        Entry(platform("customer_funds"), DEBIT, held),
        Entry(platform("customer_holds"), CREDIT, held),
        Entry(customer("load-7"), DEBIT, held),
        Entry(platform("merchant_payable"), CREDIT, held - fee),
        Entry(platform("platform_fees"), CREDIT, fee),
    )
    return Posting("bench", str(uuid7()), "five", entries)


async def settle(url: str) -> None:
    """Seal all there is, as the worker has by the time that anybody asks for the past."""
    async with await AsyncConnection.connect(url, autocommit=True) as conn:
        for _ in range(2):  # what the first marks, the second seals
            while await seals.seal(conn, limit=20_000):
                pass
        await conn.execute("VACUUM (ANALYZE) ledger.seal, ledger.summary")


async def middle(conn: Connection) -> datetime:
    """The moment in the middle of what was loaded."""
    cursor = await conn.execute(
        "SELECT min(recorded_at) + (max(recorded_at) - min(recorded_at)) / 2 FROM ledger.transaction"
    )
    row = await cursor.fetchone()
    assert row is not None
    return cast("datetime", row[0])


async def book_costs(url: str, conn: Connection, typical_us: Typical, repeats: int) -> dict[str, float]:
    """What a posting of five legs, a page of a statement and past balances of the hot account cost."""
    await settle(url)
    at = await middle(conn)
    return {
        "five_leg_posting_us": await typical_us(conn, lambda: store.post(conn, five_legs()), repeats),
        "statement_us": await typical_us(conn, lambda: store.statement(conn, HOT, "USD", limit=50), repeats),
        "past_balance_recorded_us": await typical_us(
            conn, lambda: history.balance_at(conn, HOT, "USD", at, recorded=True), repeats
        ),
        "past_balance_effective_us": await typical_us(
            conn, lambda: history.balance_at(conn, HOT, "USD", at), repeats
        ),
    }


async def audit_cost(url: str) -> dict[str, float]:
    """Seconds of the full audit, chain included, and of one plain aggregate over the same entries."""
    plain: list[float] = []
    full: list[float] = []
    async with open_pool(url, min_size=full_audit.AT_ONCE, name="bench") as pool:
        await settle(url)
        for _ in range(3):
            plain.append(await _seconds(_plain(pool)))
            full.append(await _seconds(_audit(pool)))
    return {
        "plain_aggregate_s": round(statistics.median(plain), 3),
        "full_audit_s": round(statistics.median(full), 3),
    }


async def _plain(pool: Pool) -> None:
    async with unit_of_work(pool) as conn:
        await (await conn.execute(PLAIN)).fetchall()


async def _audit(pool: Pool) -> None:
    books = await full_audit.run(pool, lambda _line: None, audit.LEDGER_CHECKS)
    if not books.ok:
        raise AssertionError(f"the books are broken: {books}")


async def _seconds(work: Awaitable[None]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def hot_account(url: str, seconds: float) -> dict[str, Any]:
    """200 writers on one account while others post elsewhere; lost updates, deadlocks, the others' p99."""
    calm = await _others(url, seconds)
    stop = asyncio.Event()
    failures: list[str] = []
    before = await _version(url)
    # What the programs do: the writers of a process share its few connections, batch by batch.
    queue: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
    writers = [asyncio.create_task(_writer(queue, stop)) for _ in range(WRITERS)]
    lanes = [asyncio.create_task(_lane(url, queue, stop, failures)) for _ in range(2)]
    busy = await _others(url, seconds)
    stop.set()
    posted = sum(await asyncio.gather(*writers))
    await asyncio.gather(*lanes)
    lost = posted - (await _version(url) - before)
    return {
        "hot_writers": WRITERS,
        "hot_posted_per_s": round(posted / seconds),
        "lost_updates": lost,
        "surfaced_errors": failures,
        "others_p99_calm_ms": round(calm, 2),
        "others_p99_busy_ms": round(busy, 2),
    }


async def _writer(queue: asyncio.Queue[asyncio.Future[None]], stop: asyncio.Event) -> int:
    done = 0
    while not stop.is_set():
        posted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.put_nowait(posted)
        await posted
        done += 1
    return done


async def _lane(
    url: str, queue: asyncio.Queue[asyncio.Future[None]], stop: asyncio.Event, failures: list[str]
) -> None:
    async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
        while not stop.is_set() or not queue.empty():
            try:
                waiting = [await asyncio.wait_for(queue.get(), 0.1)]
            except TimeoutError:
                continue
            while not queue.empty() and len(waiting) < 50:
                waiting.append(queue.get_nowait())
            try:
                await store.post_many(conn, [_hot_posting() for _ in waiting])
                await conn.commit()
            except psycopg.Error as error:
                failures.append(type(error).__name__)
                await conn.rollback()
            for posted in waiting:
                posted.set_result(None)


def _hot_posting() -> Posting:
    return direct_payment(uuid7(), "hot-customer", Money(100, "EUR"), cast("datetime", None))


async def _version(url: str) -> int:
    async with await AsyncConnection.connect(url) as conn:
        return (await store.balance(conn, customer("hot-customer"), "EUR")).version


async def _others(url: str, seconds: float) -> float:
    """p99 in milliseconds of postings between accounts that nobody else touches."""
    taken: list[float] = []
    deadline = time.perf_counter() + seconds
    async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
        step = 0
        while time.perf_counter() < deadline:
            money = Money(100, "GHS")
            ends = (Account("customer", f"cold-{step % 50}"), Account("customer", f"cold-{step % 50 + 50}"))
            entries = (Entry(ends[0], DEBIT, money), Entry(ends[1], CREDIT, money))
            started = time.perf_counter()
            await store.post(conn, Posting("bench", str(uuid7()), "cold", entries))
            await conn.commit()
            taken.append((time.perf_counter() - started) * 1000)
            step += 1
            await asyncio.sleep(0.005)  # a paced client: its own speed is not what is measured
    return statistics.quantiles(taken, n=100)[98]
