"""Writes the journal as CSV, JSON lines or beancount. Streams; must not hold the journal whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.ledger.exchange.reading import name_of
from payments_schema.ledger.posting import Account
from payments_schema.money import major

Connection = AsyncConnection[TupleRow]

_ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}


class Leg(NamedTuple):
    """One posted entry with its transaction, as the journal is written."""

    transaction: int
    reference: str
    kind: str
    effective_at: datetime
    recorded_at: datetime
    account: Account
    type: str
    direction: str
    amount_minor: int
    currency: str


async def legs(
    conn: Connection, *, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[Leg]:
    """Posted entries in the order of their transactions, effective from `since` on and before `until`."""
    async with conn.cursor(name="journal") as cursor:
        cursor.itersize = 5_000
        await cursor.execute(
            """
            SELECT t.id, t.reference, t.kind, t.effective_at, t.recorded_at, a.owner_kind, a.code, a.type,
                e.direction, e.amount_minor, a.currency
            FROM ledger.transaction AS t
            JOIN ledger.entry AS e ON e.transaction_id = t.id
            JOIN ledger.account AS a ON a.id = e.account_id
            WHERE t.phase = 'posted'
                AND (%(since)s::timestamptz IS NULL OR t.effective_at >= %(since)s)
                AND (%(until)s::timestamptz IS NULL OR t.effective_at < %(until)s)
            ORDER BY t.id, e.leg
            """,
            {"since": since, "until": until},
        )
        async for number, reference, kind, effective, recorded, owner_kind, code, *rest in cursor:
            yield Leg(number, reference, kind, effective, recorded, Account(owner_kind, code), *rest)


async def write(journal: AsyncIterator[Leg], form: str) -> AsyncIterator[str]:
    """The journal as text in pieces. form: `csv`, `jsonl` or `beancount`."""
    writer = {"csv": _csv, "jsonl": _jsonl, "beancount": _Beancount()}[form]
    if form == "csv":
        yield _row(
            [
                "id",
                "reference",
                "kind",
                "effective_at",
                "recorded_at",
                "account",
                "direction",
                "amount",
                "currency",
            ]
        )
    open_legs: list[Leg] = []
    async for leg in journal:
        if open_legs and open_legs[0].transaction != leg.transaction:
            for piece in writer(open_legs):
                yield piece
            open_legs = []
        open_legs.append(leg)
    if open_legs:
        for piece in writer(open_legs):
            yield piece


def _row(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_safe(cell) for cell in cells])
    return out.getvalue()


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _csv(legs: list[Leg]) -> Iterator[str]:
    for leg in legs:
        yield _row(
            [
                ids.sequence_id("txn", leg.transaction),
                leg.reference,
                leg.kind,
                leg.effective_at.isoformat(),
                leg.recorded_at.isoformat(),
                name_of(leg.account),
                leg.direction,
                major(leg.amount_minor, leg.currency),
                leg.currency,
            ]
        )


def _jsonl(legs: list[Leg]) -> Iterator[str]:
    first = legs[0]
    transaction = {
        "id": ids.sequence_id("txn", first.transaction),
        "reference": first.reference,
        "kind": first.kind,
        "effective_at": first.effective_at.isoformat(),
        "recorded_at": first.recorded_at.isoformat(),
        "entries": [
            {
                "account": name_of(leg.account),
                "direction": leg.direction,
                "amount": major(leg.amount_minor, leg.currency),
                "currency": leg.currency,
            }
            for leg in legs
        ],
    }
    yield json.dumps(transaction, ensure_ascii=False) + "\n"


class _Beancount:
    """Beancount's syntax: accounts are opened where first met, credits are negative numbers."""

    def __init__(self) -> None:
        self._opened: set[str] = set()

    def __call__(self, legs: list[Leg]) -> Iterator[str]:
        first = legs[0]
        names = [beancount_account(leg) for leg in legs]
        for name in names:
            if name not in self._opened:
                self._opened.add(name)
                yield f"1970-01-01 open {name}\n"
        kind = _quoted(first.kind)
        yield f"\n{first.effective_at.date().isoformat()} * {kind} {_quoted(first.reference)}\n"
        yield f'  txn: "{ids.sequence_id("txn", first.transaction)}"\n'
        for name, leg in zip(names, legs, strict=True):
            sign = "" if leg.direction == "debit" else "-"
            yield f"  {name}  {sign}{major(leg.amount_minor, leg.currency)} {leg.currency}\n"
        yield "\n"


def beancount_account(leg: Leg) -> str:
    """Our account's name in beancount's alphabet; what it lacks becomes `-hex-`, so that names stay apart."""
    owner_kind, code = leg.account
    if owner_kind == "platform":
        return f"{_ROOTS[leg.type]}:{_chart_name(code)}"
    return f"{_ROOTS[leg.type]}:{_chart_name(owner_kind)}:{_client_name(code)}"


def _chart_name(code: str) -> str:
    return code.replace("_", "-").capitalize()


def _client_name(code: str) -> str:
    spelled = "".join(char if char.isascii() and char.isalnum() else f"-{ord(char):X}-" for char in code)
    return spelled if spelled[0].isupper() or spelled[0].isdigit() else f"X-{spelled}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
