"""What books cost: the same work on a thousand and a million entries in turns, and the full audit.

Must not judge; `ledger` does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, cast

from ledger_load import Connection, Work, postings, typical_us
from payments_schema.database.pool import Pool, open_pool, unit_of_work
from payments_schema.ids import uuid7
from payments_schema.ledger import audit, full_audit, history, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money
from psycopg import AsyncConnection

GROWTH = (
    "posting",
    "five_leg_posting",
    "balance_read",
    "statement",
    "past_balance_recorded",
    "past_balance_effective",
)
"""What must cost about the same on a million entries as on a thousand."""
HOT = platform("settlement_clearing")
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


async def middle(conn: Connection) -> datetime:
    """The moment in the middle of what was loaded."""
    cursor = await conn.execute(
        "SELECT min(recorded_at) + (max(recorded_at) - min(recorded_at)) / 2 FROM ledger.transaction"
    )
    row = await cursor.fetchone()
    assert row is not None
    return cast("datetime", row[0])


def _works(at: datetime) -> dict[str, Work]:
    source = postings("load")
    return {
        "posting": lambda conn: store.post(conn, next(source)),
        "five_leg_posting": lambda conn: store.post(conn, five_legs()),
        "balance_read": lambda conn: store.balance(conn, customer("load-7"), "USD"),
        "statement": lambda conn: store.statement(conn, HOT, "USD", limit=50),
        "past_balance_recorded": lambda conn: history.balance_at(conn, HOT, "USD", at, recorded=True),
        "past_balance_effective": lambda conn: history.balance_at(conn, HOT, "USD", at),
    }


async def growth(small_url: str, large_url: str, repeats: int) -> dict[str, dict[str, float]]:
    """Microseconds of each kind of work at both sizes; reads of the past first, as postings add to it."""
    async with (
        await AsyncConnection.connect(small_url, prepare_threshold=2) as small,
        await AsyncConnection.connect(large_url, prepare_threshold=2) as large,
    ):
        of_small, of_large = _works(await middle(small)), _works(await middle(large))
        found = {
            name: await typical_us(
                {"small": (small, of_small[name]), "large": (large, of_large[name])}, repeats
            )
            for name in reversed(GROWTH)
        }
    return {
        "at_1000": {f"{name}_us": found[name]["small"] for name in GROWTH},
        "at_large": {f"{name}_us": found[name]["large"] for name in GROWTH},
    }


async def audit_cost(url: str, rounds: int) -> dict[str, Any]:
    """Seconds of the full audit, chain included, and of one plain aggregate over the entries, in turns."""
    plain: list[float] = []
    full: list[float] = []
    async with open_pool(url, min_size=full_audit.AT_ONCE, name="bench") as pool:
        await _audit(pool)
        for _ in range(rounds):
            before = await _seconds(_plain(pool))
            full.append(await _seconds(_audit(pool)))
            plain.append((before + await _seconds(_plain(pool))) / 2)
    ratios = [audited / aggregated for audited, aggregated in zip(full, plain, strict=True)]
    return {
        "plain_aggregate_s": round(statistics.median(plain), 3),
        "full_audit_s": round(statistics.median(full), 3),
        "full_audit_to_plain_by_round": [round(ratio, 2) for ratio in ratios],
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
