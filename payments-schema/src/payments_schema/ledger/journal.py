"""Reads what one payment posted: its entries in order, as transactions and as T-accounts.

Must not know a kind of payment: what is shown here is what the books say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from payments_schema import ids
from payments_schema.ledger.posting import chart_code
from payments_schema.wire.ledger import Direction, PaymentEntry, PaymentTransaction, TAccount

Connection = AsyncConnection[TupleRow]


class BookedEntry(NamedTuple):
    """An entry with its transaction and its account, as the ledger has them."""

    transaction: int
    kind: str
    key: str
    effective_at: datetime
    recorded_at: datetime
    leg: int
    account_id: int
    owner_kind: str
    code: str
    normal_side: str
    direction: str
    amount_minor: int
    currency: str
    balance_after: Decimal

    @property
    def account(self) -> str:
        """The account's code in the chart."""
        return chart_code(self.owner_kind, self.code)

    @property
    def owner(self) -> str | None:
        """Whose account it is, None for the platform's own."""
        return None if self.owner_kind == "platform" else self.code


_ENTRIES: LiteralString = """
SELECT t.id AS transaction, t.kind, t.key, t.effective_at, t.recorded_at, e.leg, a.id AS account_id,
    a.owner_kind, a.code, a.normal_side, e.direction, e.amount_minor, a.currency,
    e.balance_after
FROM ledger.transaction AS t
JOIN ledger.entry AS e ON e.transaction_id = t.id
JOIN ledger.account AS a ON a.id = e.account_id
WHERE t.reference = %s
ORDER BY t.id, e.leg
"""


async def entries(conn: Connection, payment_id: str) -> list[BookedEntry]:
    """Return everything a payment posted, in order."""
    async with conn.cursor(row_factory=class_row(BookedEntry)) as cursor:
        await cursor.execute(_ENTRIES, [payment_id])
        return await cursor.fetchall()


async def one_snapshot(conn: Connection) -> None:
    """Let all that follows see one moment: a step taken meanwhile is in entries and row, or in neither.

    conn: in a transaction that has done nothing yet.
    """
    await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def by_transaction(booked: Sequence[BookedEntry]) -> list[list[BookedEntry]]:
    """The entries of each transaction, in order."""
    found: dict[int, list[BookedEntry]] = {}
    for entry in booked:
        found.setdefault(entry.transaction, []).append(entry)
    return list(found.values())


def transaction(booked: Sequence[BookedEntry]) -> PaymentTransaction:
    """Show the entries of one transaction, at least one."""
    first = booked[0]
    return PaymentTransaction(
        id=ids.sequence_id("txn", first.transaction),
        kind=first.kind,
        step=first.key,
        effective_at=first.effective_at,
        recorded_at=first.recorded_at,
        entries=[_entry(entry) for entry in booked],
    )


def _entry(entry: BookedEntry) -> PaymentEntry:
    return PaymentEntry(
        id=f"{ids.sequence_id('ent', entry.transaction)}{entry.leg:04d}",
        account=entry.account,
        owner=entry.owner,
        account_id=ids.sequence_id("acc", entry.account_id),
        direction=Direction(entry.direction),
        amount=entry.amount_minor,
        currency=entry.currency,
        balance_after=int(entry.balance_after),
    )


def t_accounts(booked: Sequence[BookedEntry]) -> list[TAccount]:
    """Show entries as accounts, those first that moved first."""
    by_account: dict[int, list[BookedEntry]] = {}
    for entry in booked:
        by_account.setdefault(entry.account_id, []).append(entry)
    return [_t_account(group) for group in by_account.values()]


def _t_account(booked: Sequence[BookedEntry]) -> TAccount:
    debits = [entry.amount_minor for entry in booked if entry.direction == Direction.DEBIT]
    credits = [entry.amount_minor for entry in booked if entry.direction == Direction.CREDIT]
    net = sum(debits) - sum(credits)
    side = Direction(booked[0].normal_side)
    return TAccount(
        account=booked[0].account,
        owner=booked[0].owner,
        currency=booked[0].currency,
        normal_side=side,
        debits=debits,
        credits=credits,
        debit_total=sum(debits),
        credit_total=sum(credits),
        balance=net if side is Direction.DEBIT else -net,
    )
