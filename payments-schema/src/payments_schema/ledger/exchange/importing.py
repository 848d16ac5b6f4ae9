"""Posts historical transactions in batches: all of a file or, where a line is bad, none of it.

Must not commit in the middle of a batch; what an interrupted run has posted, the next one skips.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import store
from payments_schema.ledger.exchange.reading import BadLine, GoodTransaction
from payments_schema.ledger.posting import Posting

BATCH = 500


class Plan(NamedTuple):
    """What a file holds: transactions to post, or the lines that forbid it."""

    transactions: tuple[GoodTransaction, ...]
    bad: tuple[BadLine, ...]


class Progress(NamedTuple):
    """How far an import has come. known: were there from an earlier run."""

    done: int
    of: int
    posted: int
    known: int


def plan(records: Iterable[GoodTransaction | BadLine]) -> Plan:
    """Look at the whole file before anything is posted."""
    good: list[GoodTransaction] = []
    bad: list[BadLine] = []
    for record in records:
        if isinstance(record, BadLine):
            bad.append(record)
        else:
            good.append(record)
    return Plan(tuple(good), tuple(bad))


async def unknown_accounts(pool: Pool, transactions: Sequence[GoodTransaction]) -> list[BadLine]:
    """Lines that name an account which is neither in the chart nor of a kind that is."""
    async with unit_of_work(pool) as conn:
        cursor = await conn.execute("SELECT code FROM ledger.chart")
        chart = {row[0] for row in await cursor.fetchall()}
    return [
        BadLine(line, "names an account that is not in the chart")
        for line, posting in transactions
        if any(
            (a.code if a.owner_kind == "platform" else a.owner_kind) not in chart
            for a, _, _ in posting.entries
        )
    ]


async def execute(pool: Pool, transactions: Sequence[GoodTransaction]) -> AsyncIterator[Progress]:
    """Post batch by batch, each in a unit of work of its own; says how far it is after each."""
    posted = known = 0
    for start in range(0, len(transactions), BATCH):
        batch: list[Posting] = [t.posting for t in transactions[start : start + BATCH]]
        async with unit_of_work(pool) as conn:
            outcomes = await store.post_many(conn, batch)
        posted += sum(outcome.outcome == "posted" for outcome in outcomes)
        known += sum(outcome.outcome == "duplicate" for outcome in outcomes)
        yield Progress(start + len(batch), len(transactions), posted, known)
