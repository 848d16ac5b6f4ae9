"""The ledger's past and its totals: balances at any moment on either clock, trial balance, accounts.

Must not write, and must not sum a hot account's entries one by one: summaries carry all but the last few.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.errors import NotFound
from payments_schema.ledger import store
from payments_schema.ledger.posting import Account
from payments_schema.money import Money
from payments_schema.wire.ledger import LedgerTransaction

Connection = AsyncConnection[TupleRow]


async def balance_at(
    conn: Connection, account: Account, currency: str, at: datetime, *, recorded: bool = False
) -> Money:
    """The posted balance at a moment with a time zone.

    recorded: as we knew it then; else as it was by effective time, back-dated postings included.
    """
    cursor = await conn.execute(
        """
        SELECT CASE a.normal_side WHEN 'credit' THEN 1 ELSE -1 END * ledger.net_at(a.id, %s, %s)
        FROM ledger.account AS a WHERE a.owner_kind = %s AND a.code = %s AND a.currency = %s
        """,
        [at, recorded, account.owner_kind, account.code, currency],
    )
    row = await cursor.fetchone()
    return Money(0 if row is None else int(row[0]), currency)


class AccountRow(NamedTuple):
    """A ledger account with its balances on its normal side, minor units."""

    number: int
    account: Account
    currency: str
    type: str
    normal_side: str
    posted: int
    available: int
    pending: int
    version: int
    created_at: datetime


async def accounts(
    conn: Connection,
    *,
    limit: int = 100,
    after: int = 0,
    owner_kind: str | None = None,
    code: str | None = None,
    currency: str | None = None,
) -> list[AccountRow]:
    """Accounts by number; code: exactly this one."""
    cursor = await conn.execute(
        """
        SELECT a.id, a.owner_kind, a.code, a.currency, a.type, a.normal_side,
            b.sign * (b.posted_cr - b.posted_dr),
            ledger.available(b.sign, b.posted_dr, b.posted_cr, b.pending_dr, b.pending_cr),
            b.sign * (b.pending_cr - b.pending_dr), b.version, a.created_at
        FROM ledger.account AS a JOIN ledger.balance AS b ON b.account_id = a.id
        WHERE a.id > %(after)s
            AND (%(owner_kind)s::text IS NULL OR a.owner_kind = %(owner_kind)s)
            AND (%(code)s::text IS NULL OR a.code = %(code)s)
            AND (%(currency)s::text IS NULL OR a.currency = %(currency)s)
        ORDER BY a.id
        LIMIT %(limit)s
        """,
        {"after": after, "owner_kind": owner_kind, "code": code, "currency": currency, "limit": limit},
        prepare=False,
    )
    rows = await cursor.fetchall()
    return [
        AccountRow(
            number,
            Account(kind, name),
            money,
            type_,
            side,
            int(posted),
            int(available),
            int(pending),
            *rest,
        )
        for number, kind, name, money, type_, side, posted, available, pending, *rest in rows
    ]


async def transaction(conn: Connection, transaction_id: str) -> LedgerTransaction:
    """One transaction with its entries. Raises NotFound."""
    cursor = await conn.execute(
        "SELECT reference FROM ledger.transaction WHERE id = %s",
        [ids.parse_sequence_id("txn", transaction_id)],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No such transaction")
    return next(t for t in await store.transactions(conn, row[0]) if t.id == transaction_id)


class TrialLine(NamedTuple):
    """All accounts of one kind and currency: what was debited and credited, minor units."""

    account: str
    currency: str
    type: str
    debits: int
    credits: int


async def trial_balance(conn: Connection) -> list[TrialLine]:
    """Posted debits and credits by account of the chart and currency; customers are one line.

    Per currency the debits equal the credits, or the books are broken.
    """
    cursor = await conn.execute(
        """
        SELECT
            CASE a.owner_kind WHEN 'platform' THEN a.code ELSE a.owner_kind END AS account, a.currency,
            min(a.type), sum(b.posted_dr), sum(b.posted_cr)
        FROM ledger.balance AS b JOIN ledger.account AS a ON a.id = b.account_id
        WHERE b.version > 0
        GROUP BY 1, 2
        ORDER BY 2, 1
        """
    )
    return [
        TrialLine(account, currency, type_, int(debits), int(credits))
        for account, currency, type_, debits, credits in await cursor.fetchall()
    ]


class ChartLine(NamedTuple):
    """One account of the chart."""

    code: str
    type: str
    normal_side: str
    purpose: str


async def chart(conn: Connection) -> list[ChartLine]:
    """The chart of accounts by type and code."""
    cursor = await conn.execute(
        "SELECT code, type, normal_side, purpose FROM ledger.chart ORDER BY type, code"
    )
    return [ChartLine(*row) for row in await cursor.fetchall()]
