"""Measures the ledger: what batching wins on one hot account, and what a million entries cost.

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
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

from payments_schema.database import migrate
from payments_schema.database.urls import url_of
from payments_schema.ids import uuid7
from payments_schema.ledger import audit, store
from payments_schema.ledger.movements import direct_payment
from payments_schema.ledger.posting import Posting, customer
from payments_schema.money import Money
from payments_schema.testing import create_database, drop_database
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Connection = AsyncConnection[TupleRow]
TARGETS = {
    "set_based_to_single": {"at_least": 10.0},
    "posting_million_to_thousand": {"at_most": 1.2},
    "balance_read_million_to_thousand": {"at_most": 1.2},
}
CUSTOMERS = 1000
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


def postings(name: str) -> Iterator[Posting]:
    """Endless direct payments; each touches one customer and the one hot account settlement_clearing."""
    for number in count():
        yield direct_payment(uuid7(), f"{name}-{number % CUSTOMERS}", Money(2500, "USD"), None)


async def single_rate(url: str, seconds: float, *, connections: int) -> float:
    """Postings a second, each its own call and commit, many clients at once on the hot account."""
    stop_at = time.perf_counter() + seconds

    async def client(number: int) -> int:
        done = 0
        async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
            for posting in postings(f"single-{number}"):
                if time.perf_counter() >= stop_at:
                    return done
                await store.post(conn, posting)
                await conn.commit()
                done += 1
        return done

    started = time.perf_counter()
    done = sum(await asyncio.gather(*(client(number) for number in range(connections))))
    return done / (time.perf_counter() - started)


async def set_based_rate(url: str, seconds: float, *, connections: int, batch: int) -> float:
    """Postings a second in batches, a call and a commit a batch, on the same hot account."""
    stop_at = time.perf_counter() + seconds

    async def client(number: int) -> int:
        done = 0
        source = postings(f"batch-{number}")
        async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
            while time.perf_counter() < stop_at:
                await store.post_many(conn, [next(source) for _ in range(batch)])
                await conn.commit()
                done += batch
        return done

    started = time.perf_counter()
    done = sum(await asyncio.gather(*(client(number) for number in range(connections))))
    return done / (time.perf_counter() - started)


async def load(conn: Connection, entries: int, batch: int = 1000) -> None:
    """Bring the ledger to this many entries, set-based."""
    have = await entry_count(conn)
    source = postings("load")
    while have < entries:
        wanted = min(batch, (entries - have + 1) // 2)
        await store.post_many(conn, [next(source) for _ in range(wanted)])
        await conn.commit()
        have += 2 * wanted
    # What autovacuum does in time, at once, so that its work is in neither measurement.
    await conn.set_autocommit(True)
    await conn.execute("VACUUM (ANALYZE) ledger.balance, ledger.entry, ledger.transaction, ledger.account")
    await conn.execute("CHECKPOINT")
    await conn.set_autocommit(False)


async def entry_count(conn: Connection) -> int:
    row = await (await conn.execute("SELECT count(*) FROM ledger.entry")).fetchone()
    assert row is not None
    return int(row[0])


async def typical_us(conn: Connection, work: Callable[[], Awaitable[object]], repeats: int) -> float:
    """Microseconds of the middle run: others on the machine lengthen a few runs, not half of them.

    Commits are not counted: they are the disk's, equal at any size, and would hide a difference.
    """
    taken: list[float] = []
    for _ in range(repeats + 20):
        started = time.perf_counter_ns()
        await work()
        taken.append((time.perf_counter_ns() - started) / 1000)
        await conn.commit()
    return statistics.median(taken[20:])


async def costs(url: str, repeats: int) -> dict[str, float]:
    """What one posting and one balance read cost."""
    source = postings("load")
    async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
        posting = await typical_us(conn, lambda: store.post(conn, next(source)), repeats)
        reading = await typical_us(conn, lambda: store.balance(conn, customer("load-7"), "USD"), repeats)
    return {"posting_us": round(posting, 1), "balance_read_us": round(reading, 1)}


async def durability(conn: Connection) -> dict[str, str]:
    """The settings that make a commit durable, as the server has them."""
    cursor = await conn.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(DURABLE)])
    return {str(row[0]): str(row[1]) for row in await cursor.fetchall()}


async def measure(url: str, *, quick: bool) -> dict[str, Any]:
    """All measurements in one database, smallest ledger first."""
    big = 100_000 if quick else 1_000_000
    seconds = 2.0 if quick else 5.0
    repeats = 300 if quick else 1000
    figures: dict[str, Any] = {
        "entries_large": big,
        "batch": 500,
        "connections_single": 8,
        "connections_batch": 2,
    }
    async with await AsyncConnection.connect(url) as conn:
        figures["server"] = await durability(conn)
        await load(conn, 1000)
        figures["at_1000"] = await costs(url, repeats)
        figures["single_per_s"] = round(await single_rate(url, seconds, connections=8))
        figures["set_based_per_s"] = round(
            await set_based_rate(url, seconds=seconds, connections=2, batch=500)
        )
        started = time.perf_counter()
        await load(conn, big)
        figures["load_s"] = round(time.perf_counter() - started, 1)
        figures["at_large"] = await costs(url, repeats)
        figures["entries"] = await entry_count(conn)
        books = await audit.integrity(conn, audit.LEDGER_CHECKS)
        figures["integrity"] = books.ok
    return figures


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
        "set_based_to_single": round(figures["set_based_per_s"] / figures["single_per_s"], 2),
        "posting_million_to_thousand": round(large["posting_us"] / small["posting_us"], 3),
        "balance_read_million_to_thousand": round(large["balance_read_us"] / small["balance_read_us"], 3),
    }
    holds = (
        all(figures["server"].get(name) == "on" for name in DURABLE)
        and figures["integrity"]
        and all(
            ratios[name] >= target.get("at_least", ratios[name])
            and ratios[name] <= target.get("at_most", ratios[name])
            for name, target in TARGETS.items()
        )
    )
    return {"bench": "ledger", "figures": figures, "ratios": ratios, "targets": TARGETS, "holds": holds}


def main() -> int:
    """Print the result; exit 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Measure the ledger on a durable Postgres.")
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
