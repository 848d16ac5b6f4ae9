"""SQL that reads payments of all kinds as one list. Must not write, and must not show a telephone number."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.errors import InvalidCursor, PaymentsError
from payments_schema.money import CURRENCIES, major, parse_major
from payments_schema.phones import masked, normalise
from payments_schema.wire.operations import Kind, Order, PaymentLine, PaymentLines

Connection = AsyncConnection[TupleRow]
LOWEST = UUID(int=0)
HIGHEST = UUID(int=(1 << 128) - 1)


class Wanted(NamedTuple):
    """Which payments; None filters nothing. search: an id, a key, an account, a number, or words."""

    kind: Kind | None = None
    status: str | None = None
    account: str | None = None
    currency: str | None = None
    amount: Decimal | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: Order = Order.NEWEST
    cursor: str | None = None
    limit: int = 50


_DIRECT: LiteralString = """
SELECT id::text, status, amount_minor, currency, account_id, description, created_at, updated_at
FROM core.payment
WHERE id > %(low)s::uuid AND id < %(high)s::uuid
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(account)s::text IS NULL OR account_id = %(account)s)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    AND (%(minors)s::bigint[] IS NULL OR (currency, amount_minor) IN (
        SELECT * FROM unnest(%(currencies)s::text[], %(minors)s::bigint[])))
    AND (%(uuids)s::uuid[] IS NULL OR id = ANY (%(uuids)s))
    AND (%(pattern)s::text IS NULL OR account_id ILIKE %(pattern)s OR description ILIKE %(pattern)s)
"""

_CARD: LiteralString = """
SELECT id, status, authorized_minor, currency, account_id, description, created_at, updated_at
FROM core.card_payment
WHERE id > %(low_id)s AND id < %(high_id)s
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(account)s::text IS NULL OR account_id = %(account)s)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    AND (%(minors)s::bigint[] IS NULL OR (currency, authorized_minor) IN (
        SELECT * FROM unnest(%(currencies)s::text[], %(minors)s::bigint[])))
    AND (%(exact)s::text[] IS NULL OR id = ANY (%(exact)s))
    AND (%(pattern)s::text IS NULL OR account_id ILIKE %(pattern)s OR description ILIKE %(pattern)s)
"""

_WALLET: LiteralString = """
SELECT id, status, amount_minor, currency, phone || ' ' || recipient_name, description, created_at, updated_at
FROM core.wallet_payment
WHERE id > %(low_id)s AND id < %(high_id)s
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(account)s::text IS NULL OR user_id = %(account)s)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    AND (%(minors)s::bigint[] IS NULL OR (currency, amount_minor) IN (
        SELECT * FROM unnest(%(currencies)s::text[], %(minors)s::bigint[])))
    AND (%(exact)s::text[] IS NULL OR id = ANY (%(exact)s))
    AND (%(phone)s::text IS NULL OR phone = %(phone)s)
    AND (%(pattern)s::text IS NULL OR recipient_name ILIKE %(pattern)s OR description ILIKE %(pattern)s
        OR user_id ILIKE %(pattern)s)
"""
_SOURCES: Mapping[Kind, LiteralString] = {Kind.DIRECT: _DIRECT, Kind.CARD: _CARD, Kind.WALLET: _WALLET}
_NEWEST: LiteralString = "ORDER BY id DESC LIMIT %(fetch)s"
_OLDEST: LiteralString = "ORDER BY id LIMIT %(fetch)s"
# Qualified, or the column of the list (text) would be what is ordered by, and no index knows that.
_NEWEST_DIRECT: LiteralString = "ORDER BY core.payment.id DESC LIMIT %(fetch)s"
_OLDEST_DIRECT: LiteralString = "ORDER BY core.payment.id LIMIT %(fetch)s"


async def list_page(conn: Connection, wanted: Wanted) -> PaymentLines:
    """One page; each kind gives a page of its own and they merge by id. Raises InvalidCursor."""
    searched = await _searched(conn, wanted)
    parameters = {**_bounds(wanted), **searched, "uuids": _uuids(searched["exact"]), **_filters(wanted)}
    kinds = list(_SOURCES) if wanted.kind is None else [wanted.kind]
    if parameters["phone"] is not None:
        kinds = [kind for kind in kinds if kind is Kind.WALLET]
    pages = [await _of_kind(conn, kind, wanted.order, parameters) for kind in kinds]
    merged = list(heapq.merge(*pages, key=_place, reverse=wanted.order is Order.NEWEST))
    data, more = merged[: wanted.limit], len(merged) > wanted.limit
    return PaymentLines(data=data, has_more=more, next_cursor=_place(data[-1]) if more else None)


async def find(conn: Connection, payment_id: str) -> PaymentLine | None:
    """One payment by its id, whatever its kind."""
    page = await list_page(conn, Wanted(search=payment_id, limit=1))
    return page.data[0] if page.data and page.data[0].id == payment_id.lower() else None


def _place(line: PaymentLine) -> str:
    """Where a payment stands among all kinds: its id in the spelling that all share."""
    found = ids.parse_uuid(line.id)
    return line.id if found is None else ids.prefixed("pay", found)


async def _of_kind(
    conn: Connection, kind: Kind, order: Order, parameters: Mapping[str, Any]
) -> list[PaymentLine]:
    newest = order is Order.NEWEST
    if kind is Kind.DIRECT:
        turn = _NEWEST_DIRECT if newest else _OLDEST_DIRECT
    else:
        turn = _NEWEST if newest else _OLDEST
    # Planned for the filters at hand: one plan for all would read the whole table.
    found = await conn.execute(_SOURCES[kind] + turn, parameters, prepare=False)
    return [_line(kind, row) for row in await found.fetchall()]


def _line(kind: Kind, row: TupleRow) -> PaymentLine:
    payment_id, status, minor, currency, party, description, created_at, updated_at = row
    if kind is Kind.WALLET:
        phone, _, name = party.partition(" ")
        party = f"{masked(phone)} {name}"
    return PaymentLine.model_construct(
        id=payment_id,
        kind=kind,
        status=status,
        amount=major(minor, currency),
        currency=currency,
        party=party,
        description=description,
        created_at=created_at,
        updated_at=updated_at,
    )


def _bounds(wanted: Wanted) -> dict[str, Any]:
    """Ids are ordered by time, so a span of time and a cursor are both a span of ids, exclusive."""
    low, high = LOWEST, HIGHEST
    if wanted.since is not None:
        low = max(low, UUID(int=max(0, ids.moment_bound(_ms(wanted.since)).int - 1)))
    if wanted.until is not None:
        high = min(high, ids.moment_bound(_ms(wanted.until)))
    if wanted.cursor is not None:
        place = ids.unprefixed("pay", wanted.cursor)
        if place is None:
            raise InvalidCursor("cursor is not one of ours")
        low, high = (low, min(high, place)) if wanted.order is Order.NEWEST else (max(low, place), high)
    return {
        "low": low,
        "high": high,
        "low_id": ids.prefixed("pay", low),
        "high_id": ids.prefixed("pay", high),
        "fetch": wanted.limit + 1,
    }


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _uuids(exact: Sequence[str] | None) -> list[UUID] | None:
    """Of ids of all kinds those of direct payments, as their key has them: as texts, no index knows them."""
    return exact if exact is None else [found for one in exact if (found := ids.parse_uuid(one)) is not None]


def _filters(wanted: Wanted) -> dict[str, Any]:
    return {
        "status": wanted.status,
        "account": wanted.account,
        "currency": wanted.currency,
        **_amounts(wanted),
    }


def _amounts(wanted: Wanted) -> dict[str, Any]:
    """The same amount is another number of minor units in another currency."""
    if wanted.amount is None:
        return {"currencies": None, "minors": None}
    fitting: dict[str, int] = {}
    for currency in CURRENCIES if wanted.currency is None else (wanted.currency,):
        try:
            fitting[currency] = parse_major(wanted.amount, currency).minor
        except PaymentsError:
            continue  # more decimals than that currency has: nothing in it can be meant
    return {"currencies": list(fitting), "minors": list(fitting.values())}


async def _searched(conn: Connection, wanted: Wanted) -> dict[str, Any]:
    """What a search means: an id or a key names payments, a number their payee, anything else is words."""
    text = (wanted.search or "").strip()
    nothing: dict[str, Any] = {"exact": None, "phone": None, "pattern": None}
    if not text:
        return nothing
    if ids.parse_uuid(text) or ids.is_id("pay", text):
        return {**nothing, "exact": [text.lower()]}
    keyed = await conn.execute(
        "SELECT resource_id FROM core.idempotency_key WHERE key = %s AND resource_id IS NOT NULL", [text]
    )
    if found := [row[0] for row in await keyed.fetchall()]:
        return {**nothing, "exact": found}
    try:
        return {**nothing, "phone": normalise(text)}
    except PaymentsError:
        escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return {**nothing, "pattern": f"%{escaped}%"}
