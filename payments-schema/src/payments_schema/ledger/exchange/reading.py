"""Reads historical transactions from CSV or JSON lines. Pure: opens no database, posts nothing.

JSON lines, a transaction a line:
`{"id": "2019-17", "effective_at": "2019-03-01T00:00:00Z", "entries": [{"account": "customer:ACC-1",
"direction": "credit", "amount": "12.50", "currency": "USD"}, …]}`.
CSV, an entry a row, the rows of a transaction behind one another:
`id,effective_at,account,direction,amount,currency`.
An account is `code` for one of the chart, or `kind:code`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, cast

from payments_schema.errors import PaymentsError
from payments_schema.ledger.posting import Account, Entry, Posting, platform
from payments_schema.money import parse_major
from payments_schema.wire.ledger import Direction

CSV_COLUMNS = ("id", "effective_at", "account", "direction", "amount", "currency")


class BadLine(NamedTuple):
    """Why a line of the file cannot be taken; lines count from 1."""

    line: int
    reason: str


class GoodTransaction(NamedTuple):
    """A transaction of the file with the line on which it begins."""

    line: int
    posting: Posting


class _Refused(Exception):
    """A reason without a line; the caller knows the line."""


def read(lines: Iterable[str], form: str, source: str) -> Iterator[GoodTransaction | BadLine]:
    """Every transaction of a file in order, or what is wrong with it.

    form: `csv` or `jsonl`. source: names the origin; with a transaction's id it is the key by which a second
    import of the same file finds that all is there already.
    """
    seen: dict[str, int] = {}
    for line, record in _records(lines, form):
        if isinstance(record, BadLine):
            yield record
            continue
        try:
            posting = _posting(record, source)
        except (_Refused, PaymentsError) as error:
            yield BadLine(line, str(error))
            continue
        first = seen.setdefault(posting.reference, line)
        if first != line:
            yield BadLine(line, f"id stands on line {first} already")
        else:
            yield GoodTransaction(line, posting)


def _records(lines: Iterable[str], form: str) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    return _json_records(lines) if form == "jsonl" else _csv_records(lines)


def _json_records(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError):
            yield number, BadLine(number, "is not JSON")
            continue
        if isinstance(record, dict):
            yield number, cast("dict[str, Any]", record)
        else:
            yield number, BadLine(number, "is not a JSON object")


def _csv_records(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    rows = csv.reader(lines, strict=True)
    begins = 0
    record: dict[str, Any] | None = None
    try:
        header: list[str] = next(rows, list[str]())
        if tuple(header) != CSV_COLUMNS:
            yield 1, BadLine(1, f"the header must be {','.join(CSV_COLUMNS)}")
            return
        for row in rows:
            if len(row) != len(CSV_COLUMNS):
                yield (
                    rows.line_num,
                    BadLine(rows.line_num, f"has {len(row)} columns instead of {len(CSV_COLUMNS)}"),
                )
                continue
            identity, effective_at, *entry = row
            if record is None or record["id"] != identity:
                if record is not None:
                    yield begins, record
                begins = rows.line_num
                record = {"id": identity, "effective_at": effective_at, "entries": []}
            elif record["effective_at"] != effective_at:
                yield rows.line_num, BadLine(rows.line_num, "effective_at differs within the transaction")
            record["entries"].append(dict(zip(CSV_COLUMNS[2:], entry, strict=True)))
    except csv.Error as error:
        yield rows.line_num, BadLine(rows.line_num, f"is not CSV: {error}")
        return
    if record is not None:
        yield begins, record


def _posting(record: dict[str, Any], source: str) -> Posting:
    unknown = sorted(set(record) - {"id", "effective_at", "entries"})
    if unknown:
        raise _Refused(f"unknown field {unknown[0]}")
    identity = record.get("id")
    if not isinstance(identity, str) or not 1 <= len(identity) <= 100 or not identity.isprintable():
        raise _Refused("id must be 1 to 100 printable characters")
    entries = record.get("entries")
    if not isinstance(entries, list):
        raise _Refused("entries must be a list")
    booked = tuple(_entry(entry) for entry in cast("list[object]", entries))
    return Posting(
        "import", f"import:{source}:{identity}", "imported", booked, _moment(record.get("effective_at"))
    )


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        raise _Refused("effective_at must be an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise _Refused("effective_at must have a time zone")
    return moment


def _entry(value: object) -> Entry:
    if not isinstance(value, dict):
        raise _Refused("an entry must be an object")
    fields = cast("dict[str, object]", value)
    if set(fields) != set(CSV_COLUMNS[2:]):
        raise _Refused(f"an entry has exactly {', '.join(CSV_COLUMNS[2:])}")
    account, direction, amount, currency = (fields[name] for name in CSV_COLUMNS[2:])
    if not isinstance(account, str) or not account.strip(":") or len(account) > 255:
        raise _Refused("account must be a code of the chart, or kind:code")
    if direction not in ("debit", "credit"):
        raise _Refused("direction must be debit or credit")
    if not isinstance(amount, (str, int)):
        raise _Refused("amount must be a number or a decimal string")
    money = parse_major(amount, cast("str", currency))
    if money.minor <= 0:
        raise _Refused("amount must be positive")
    return Entry(account_of(account), Direction(cast("str", direction)), money)


def account_of(name: str) -> Account:
    """The account that a file names: `suspense`, or `customer:ACC-1`."""
    kind, colon, code = name.partition(":")
    return Account(kind, code) if colon else platform(name)


def name_of(account: Account) -> str:
    """How a file names an account; `account_of` reads it back."""
    return account.code if account.owner_kind == "platform" else f"{account.owner_kind}:{account.code}"


def text_lines(content: bytes) -> Iterable[str]:
    """The lines of a file's content. Raises UnicodeDecodeError where it is not UTF-8."""
    return io.StringIO(content.decode("utf-8-sig"), newline="")
