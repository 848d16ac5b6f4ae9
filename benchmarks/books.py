"""Measures the books: statements, past balances, the audit at a million entries, two hundred writers at once.

Must run on durable settings; it reads them from the server and does not hold where they are off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, cast

import psycopg
from ledger import DURABLE, durability, load, typical_us
from payments_schema.database import migrate
from payments_schema.database.pool import Pool, open_pool, unit_of_work
from payments_schema.database.urls import url_of
from payments_schema.ids import uuid7
from payments_schema.ledger import audit, full_audit, history, seals, store
from payments_schema.ledger.movements import direct_payment
from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, customer, platform
from payments_schema.money import Money
from payments_schema.testing import create_database, drop_database
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Connection = AsyncConnection[TupleRow]
GROWTH = ("five_leg_posting", "statement", "past_balance_recorded", "past_balance_effective")
"""What must cost about the same on a million entries as on a thousand."""
TARGETS = {
    **{f"{name}_million_to_thousand": {"at_most": 1.2} for name in GROWTH},
    "full_audit_to_plain_aggregate": {"at_most": 10.0},
    "others_p99_busy_to_calm": {"at_most": 2.0},
    "lost_updates": {"at_most": 0.0},
    "surfaced_errors": {"at_most": 0.0},
}
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


async def book_costs(url: str, repeats: int) -> dict[str, float]:
    """What a posting of five legs, a page of a statement and past balances of the hot account cost."""
    await settle(url)
    async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
        at = await middle(conn)
        costs = {
            "five_leg_posting_us": await typical_us(conn, lambda: store.post(conn, five_legs()), repeats),
            "statement_us": await typical_us(
                conn, lambda: store.statement(conn, HOT, "USD", limit=50), repeats
            ),
            "past_balance_recorded_us": await typical_us(
                conn, lambda: history.balance_at(conn, HOT, "USD", at, recorded=True), repeats
            ),
            "past_balance_effective_us": await typical_us(
                conn, lambda: history.balance_at(conn, HOT, "USD", at), repeats
            ),
        }
    return {name: round(cost, 1) for name, cost in costs.items()}


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


async def measure(url: str, *, quick: bool) -> dict[str, Any]:
    """All measurements in one database, smallest ledger first."""
    big, seconds, repeats = (100_000, 2.0, 100) if quick else (1_000_000, 5.0, 300)
    async with await AsyncConnection.connect(url) as conn:
        figures: dict[str, Any] = {"entries_large": big, "server": await durability(conn)}
        await load(conn, 1000)
        figures["at_1000"] = await book_costs(url, repeats)
        await load(conn, big)
    figures["at_large"] = await book_costs(url, repeats)
    return figures | await audit_cost(url) | await hot_account(url, seconds)


async def run(database_url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure in a database made for it on the server of this (superuser's) URL, and drop it after."""
    name = create_database(database_url)
    try:
        migrate.migrate(url_of(database_url, name))
        figures = await measure(url_of(database_url, name), quick=quick)
    finally:
        drop_database(database_url, name)
    small, large = figures["at_1000"], figures["at_large"]
    ratios = {
        **{
            f"{name}_million_to_thousand": round(large[f"{name}_us"] / small[f"{name}_us"], 3)
            for name in GROWTH
        },
        "full_audit_to_plain_aggregate": round(figures["full_audit_s"] / figures["plain_aggregate_s"], 2),
        "others_p99_busy_to_calm": round(figures["others_p99_busy_ms"] / figures["others_p99_calm_ms"], 2),
        "lost_updates": figures["lost_updates"],
        "surfaced_errors": len(figures["surfaced_errors"]),
    }
    holds = all(figures["server"].get(name) == "on" for name in DURABLE) and all(
        ratios[name] <= target["at_most"] for name, target in TARGETS.items()
    )
    return {"bench": "books", "figures": figures, "ratios": ratios, "targets": TARGETS, "holds": holds}


def main() -> int:
    """Print the result; exit 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Measure the books on a durable Postgres.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a smaller ledger, for a first look")
    arguments = parser.parse_args()
    url = os.environ.get("BENCH_DATABASE_URL")
    if not url:
        sys.stderr.write("set BENCH_DATABASE_URL to a superuser's URL of a durable server\n")
        return 2
    result = asyncio.run(run(url, quick=arguments.quick))
    sys.stdout.write(json.dumps(result, indent=None if arguments.json else 2) + "\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
