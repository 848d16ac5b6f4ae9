"""Typed calls of the ledger's SQL writers, and its reads. Must not write a ledger table itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.database import arrays
from payments_schema.errors import InvalidCursor, PostingRejected
from payments_schema.ledger.posting import Account, Posting
from payments_schema.money import Money, major
from payments_schema.wire.ledger import Direction, LedgerEntry, LedgerTransaction, Phase

Connection = AsyncConnection[TupleRow]


class Posted(NamedTuple):
    """What became of a posting: 'posted', 'duplicate' (its key was taken), or 'rejected' with a reason."""

    outcome: str
    transaction_id: int | None
    reason: str | None = None


@dataclass(slots=True)
class Legs:
    """Postings laid out as the parallel arrays that the set-based SQL functions take."""

    items: list[int]
    owner_kinds: list[str]
    codes: list[str]
    currencies: list[str]
    directions: list[str]
    amounts: list[int]

    @classmethod
    def of(cls, postings: Sequence[Posting]) -> Legs:
        """Lay out; `items` counts the postings from 1."""
        legs = cls([], [], [], [], [], [])
        for item, posting in enumerate(postings, 1):
            for (owner_kind, code), direction, amount in posting.entries:
                legs.items.append(item)
                legs.owner_kinds.append(owner_kind)
                legs.codes.append(code)
                legs.currencies.append(amount.currency)
                legs.directions.append(direction.value)
                legs.amounts.append(amount.minor)
        return legs

    def arguments(self) -> list[Any]:
        """The arguments in the order of the SQL functions."""
        return [
            arrays.ints(self.items),
            arrays.texts(self.owner_kinds),
            arrays.texts(self.codes),
            arrays.texts(self.currencies),
            arrays.texts(self.directions),
            arrays.ints(self.amounts),
        ]


_POST: LiteralString = "SELECT * FROM ledger.post(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


async def post(conn: Connection, posting: Posting) -> Posted:
    """Post once. Raises PostingRejected where an account's minimum forbids it; a duplicate is no error."""
    cursor = await conn.execute(
        _POST,
        [
            posting.reference,
            posting.key,
            posting.kind,
            posting.phase.value,
            posting.effective_at,
            posting.reverses,
            *Legs.of([posting]).arguments()[1:],
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    posted = Posted(*row)
    if posted.outcome == "rejected":
        raise PostingRejected(f"the ledger refused: {posted.reason}")
    return posted


_POST_MANY: LiteralString = """
SELECT outcome, transaction_id, reason
FROM ledger.post_many(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ORDER BY ord
"""


async def post_many(conn: Connection, postings: Sequence[Posting]) -> list[Posted]:
    """Post a batch in a handful of statements; outcomes in order. A rejected item fails alone."""
    if not postings:
        return []
    cursor = await conn.execute(_POST_MANY, _arguments(postings))
    return [Posted(*row) for row in await cursor.fetchall()]


_POST_ALL: LiteralString = "SELECT ledger.post_all(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


async def post_all(conn: Connection, postings: Sequence[Posting]) -> None:
    """Post a batch, all of it new: for callers that decided under a lock. Nothing is read back.

    Raises psycopg's RaiseException, in a pipeline only at its end, where one is a duplicate or rejected.
    """
    if postings:
        await conn.execute(_POST_ALL, _arguments(postings))


def _arguments(postings: Sequence[Posting]) -> list[Any]:
    return [
        arrays.texts([p.reference for p in postings]),
        arrays.texts([p.key for p in postings]),
        arrays.texts([p.kind for p in postings]),
        arrays.texts([p.phase.value for p in postings]),
        [p.effective_at for p in postings],
        arrays.ints([p.reverses for p in postings]),
        *Legs.of(postings).arguments(),
    ]


async def ensure_accounts(conn: Connection, accounts: Sequence[tuple[Account, str]]) -> None:
    """Make the accounts (each with its currency) that are missing. Posting does so by itself."""
    await conn.execute(
        "SELECT ledger.ensure_accounts(%s, %s, %s)",
        [[a.owner_kind for a, _ in accounts], [a.code for a, _ in accounts], [c for _, c in accounts]],
    )


async def set_minimum(conn: Connection, account: Account, currency: str, minimum: Money | None) -> None:
    """Least available balance from now on; None lifts it. An account already below may still rise."""
    await conn.execute(
        "SELECT ledger.set_minimum(%s, %s, %s, %s)",
        [account.owner_kind, account.code, currency, None if minimum is None else minimum.minor],
    )


class Balance(NamedTuple):
    """An account's money on its normal side. available: posted less what holds may still take."""

    posted: Money
    available: Money
    pending: Money
    version: int


async def balance(conn: Connection, account: Account, currency: str) -> Balance:
    """The balance of an account; one never seen has zero."""
    cursor = await conn.execute(
        """
        SELECT b.sign * (b.posted_cr - b.posted_dr),
            ledger.available(b.sign, b.posted_dr, b.posted_cr, b.pending_dr, b.pending_cr),
            b.sign * (b.pending_cr - b.pending_dr), b.version
        FROM ledger.account AS a JOIN ledger.balance AS b ON b.account_id = a.id
        WHERE a.owner_kind = %s AND a.code = %s AND a.currency = %s
        """,
        [account.owner_kind, account.code, currency],
    )
    posted, available, pending, version = await cursor.fetchone() or (0, 0, 0, 0)
    return Balance(
        Money(int(posted), currency), Money(int(available), currency), Money(int(pending), currency), version
    )


async def transactions(conn: Connection, reference: str) -> list[LedgerTransaction]:
    """Every transaction of a reference with its entries, oldest first."""
    cursor = await conn.execute(
        """
        SELECT t.id, t.reference, t.kind, t.phase, t.effective_at, t.recorded_at,
            e.leg, a.code, e.direction, e.amount_minor, a.currency, e.balance_after
        FROM ledger.transaction AS t
        JOIN ledger.entry AS e ON e.transaction_id = t.id
        JOIN ledger.account AS a ON a.id = e.account_id
        WHERE t.reference = %s
        ORDER BY t.id, e.leg
        """,
        [reference],
    )
    found: dict[int, LedgerTransaction] = {}
    for number, ref, kind, phase, effective_at, recorded_at, *entry in await cursor.fetchall():
        if number not in found:
            found[number] = LedgerTransaction(
                id=ids.sequence_id("txn", number),
                reference=ref,
                kind=kind,
                phase=Phase(phase),
                effective_at=effective_at,
                recorded_at=recorded_at,
                entries=[],
            )
        found[number].entries.append(_entry(number, *entry))
    return list(found.values())


def _entry(
    number: int, leg: int, code: str, direction: str, amount: int, currency: str, balance_after: int
) -> LedgerEntry:
    return LedgerEntry(
        id=f"{ids.sequence_id('ent', number)}{leg:04d}",
        account=code,
        direction=Direction(direction),
        amount=major(amount, currency),
        currency=currency,
        balance_after=major(int(balance_after), currency),
    )


class StatementLine(NamedTuple):
    """One entry of an account with the posted balance it left behind."""

    version: int
    transaction_id: int
    reference: str
    kind: str
    direction: Direction
    amount: Money
    balance_after: Money
    is_pending: bool
    effective_at: datetime
    recorded_at: datetime


async def statement(
    conn: Connection, account: Account, currency: str, *, limit: int = 100, before_version: int | None = None
) -> list[StatementLine]:
    """An account's entries, newest first, by version: times may tie, versions never do."""
    if before_version is not None and before_version < 1:
        raise InvalidCursor("cursor is not one of ours")
    cursor = await conn.execute(
        """
        SELECT e.version, t.id, t.reference, t.kind, e.direction, e.amount_minor, e.balance_after,
            e.is_pending, t.effective_at, t.recorded_at
        FROM ledger.entry AS e
        JOIN ledger.transaction AS t ON t.id = e.transaction_id
        WHERE e.account_id = (
                SELECT a.id FROM ledger.account AS a
                WHERE a.owner_kind = %(owner_kind)s AND a.code = %(code)s AND a.currency = %(currency)s)
            AND e.version < %(before)s
        ORDER BY e.version DESC
        LIMIT %(limit)s
        """,
        {
            "owner_kind": account.owner_kind,
            "code": account.code,
            "currency": currency,
            "before": before_version or 2**62,
            "limit": limit,
        },
    )
    return [
        StatementLine(
            version=row[0],
            transaction_id=row[1],
            reference=row[2],
            kind=row[3],
            direction=Direction(row[4]),
            amount=Money(row[5], currency),
            balance_after=Money(int(row[6]), currency),
            is_pending=row[7],
            effective_at=row[8],
            recorded_at=row[9],
        )
        for row in await cursor.fetchall()
    ]


async def balance_as_of(
    conn: Connection, account: Account, currency: str, at: datetime, *, recorded: bool
) -> Money:
    """The posted balance at a moment: as we knew it then (`recorded`), or as it was by effective time."""
    cursor = await conn.execute(
        """
        SELECT coalesce(
            sum(CASE WHEN e.direction = a.normal_side THEN e.amount_minor ELSE -e.amount_minor END), 0)
        FROM ledger.account AS a
        JOIN ledger.entry AS e ON e.account_id = a.id
        JOIN ledger.transaction AS t ON t.id = e.transaction_id
        WHERE a.owner_kind = %s AND a.code = %s AND a.currency = %s AND NOT e.is_pending
            AND CASE WHEN %s THEN t.recorded_at ELSE t.effective_at END <= %s
        """,
        [account.owner_kind, account.code, currency, recorded, at],
    )
    row = await cursor.fetchone()
    assert row is not None
    return Money(int(row[0]), currency)
