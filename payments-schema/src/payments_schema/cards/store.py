"""SQL of card payments. Must not decide anything, post anything, or commit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.cards.lifecycle import (
    Authorized,
    Capture,
    Captured,
    CardPayment,
    Change,
    Refund,
    Refunded,
    RefundPart,
)
from payments_schema.database.arrays import ints, texts
from payments_schema.errors import PaymentNotFound
from payments_schema.wire.cards import CardStatus

Connection = AsyncConnection[TupleRow]
_encode = json.JSONEncoder(ensure_ascii=False).encode

_LOCK: LiteralString = """
SELECT id, client, account_id, currency, status, authorized_minor, fee_bps, description, metadata,
    created_at, updated_at, expires_at, captured_minor, fee_minor, released_minor, refunded_minor,
    fee_refunded_minor, settled_minor, refunds
FROM core.card_payment
WHERE id = ANY (%s)
ORDER BY id
FOR NO KEY UPDATE
"""

# A statement of its own behind the lock, so that it sees what the lock's last holder committed.
_CAPTURES: LiteralString = """
SELECT payment_id, number, amount_minor, fee_minor, merchant_returned_minor, fee_returned_minor
FROM core.card_capture
WHERE payment_id = ANY (%s)
ORDER BY payment_id, number
"""


async def prefer_indexes(conn: Connection) -> None:
    """Plan the rest of the transaction by indexes alone: while a table is young, statistics mislead."""
    await conn.execute(
        "SELECT set_config('enable_seqscan', 'off', true), "
        "set_config('plan_cache_mode', 'force_generic_plan', true)"
    )


async def lock(conn: Connection, payment_ids: Iterable[str]) -> dict[str, CardPayment]:
    """Lock payments in the order of their ids; those that do not exist are left out."""
    wanted = sorted(set(payment_ids))
    if not wanted:
        return {}
    locked = await conn.execute(_LOCK, [wanted])
    taken = await conn.execute(_CAPTURES, [wanted])
    return _payments(await locked.fetchall(), await taken.fetchall())


_LOCK_OVERDUE: LiteralString = """
SELECT id, client, account_id, currency, status, authorized_minor, fee_bps, description, metadata,
    created_at, updated_at, expires_at, captured_minor, fee_minor, released_minor, refunded_minor,
    fee_refunded_minor, settled_minor, refunds
FROM core.card_payment
WHERE captured_minor + released_minor < authorized_minor AND expires_at <= %s
ORDER BY expires_at
LIMIT %s
FOR NO KEY UPDATE SKIP LOCKED
"""


OVERDUE: LiteralString = """
EXISTS (
    SELECT FROM core.card_payment
    WHERE captured_minor + released_minor < authorized_minor AND expires_at <= now())
"""
"""As an expression: whether `lock_overdue` would find any."""


async def lock_overdue(conn: Connection, now: datetime, limit: int) -> list[CardPayment]:
    """Lock payments that hold funds past their time, the longest overdue first; busy ones are left out."""
    locked = await conn.execute(_LOCK_OVERDUE, [now, limit])
    rows = await locked.fetchall()
    taken = await conn.execute(_CAPTURES, [[row[0] for row in rows]])
    return list(_payments(rows, await taken.fetchall()).values())


_READ: LiteralString = """
SELECT id, client, account_id, currency, status, authorized_minor, fee_bps, description, metadata,
    created_at, updated_at, expires_at, captured_minor, fee_minor, released_minor, refunded_minor,
    fee_refunded_minor, settled_minor, refunds
FROM core.card_payment
WHERE id = %s AND (%s::text IS NULL OR client = %s)
"""


async def get(conn: Connection, payment_id: str, client: str | None = None) -> CardPayment:
    """Return a payment, of `client` alone where one is given. Raises PaymentNotFound."""
    found = await conn.execute(_READ, [payment_id, client, client])
    taken = await conn.execute(_CAPTURES, [[payment_id]])
    payments = _payments(await found.fetchall(), await taken.fetchall())
    if payment_id not in payments:
        raise PaymentNotFound
    return payments[payment_id]


_LIST: LiteralString = """
SELECT id, client, account_id, currency, status, authorized_minor, fee_bps, description, metadata,
    created_at, updated_at, expires_at, captured_minor, fee_minor, released_minor, refunded_minor,
    fee_refunded_minor, settled_minor, refunds
FROM core.card_payment
WHERE (%(before)s::text IS NULL OR id < %(before)s)
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(client)s::text IS NULL OR client = %(client)s)
ORDER BY id DESC
LIMIT %(limit)s
"""


async def list_before(
    conn: Connection, *, limit: int, before: str | None, status: str | None, client: str | None
) -> list[CardPayment]:
    """Return payments older than `before`, newest first, without their captures."""
    # Planned anew each time: one plan for all filters would be a bad one for most.
    found = await conn.execute(
        _LIST, {"limit": limit, "before": before, "status": status, "client": client}, prepare=False
    )
    return list(_payments(await found.fetchall(), []).values())


def _payments(rows: Sequence[TupleRow], captures: Sequence[TupleRow]) -> dict[str, CardPayment]:
    taken: dict[str, list[Capture]] = {}
    for payment_id, *capture in captures:
        taken.setdefault(payment_id, []).append(Capture(*capture))
    payments: dict[str, CardPayment] = {}
    for id, client, account_id, currency, status, *rest in rows:
        captured = tuple(taken.get(id, ()))
        payments[id] = CardPayment(
            id, client, account_id, currency, CardStatus(status), *rest, captures=captured
        )
    return payments


async def save(conn: Connection, changes: Sequence[Change]) -> None:
    """Write what changes left behind: each payment as its last change has it, each capture and refund."""
    last = {change.payment.id: change.payment for change in changes}
    fresh = {change.payment.id for change in changes if isinstance(change, Authorized)}
    await _insert(conn, [payment for id, payment in last.items() if id in fresh])
    await _update(conn, [payment for id, payment in last.items() if id not in fresh])
    refunded = {change.payment.id for change in changes if isinstance(change, Refunded)}
    await _take(conn, [(c.payment, c.capture) for c in changes if isinstance(c, Captured)])
    await _return(conn, [last[id] for id in sorted(refunded)])
    await _refund(conn, [(c.payment, c.refund) for c in changes if isinstance(c, Refunded)])


_INSERT: LiteralString = """
INSERT INTO core.card_payment (
    id, client, account_id, currency, status, authorized_minor, captured_minor, released_minor, fee_minor,
    refunded_minor, fee_refunded_minor, settled_minor, refunds, fee_bps, description, metadata,
    created_at, updated_at, expires_at)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::integer[], %s::integer[], %s::text[],
    %s::jsonb[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
"""


async def _insert(conn: Connection, payments: Sequence[CardPayment]) -> None:
    if not payments:
        return
    await conn.execute(
        _INSERT,
        [
            texts([p.id for p in payments]),
            texts([p.client for p in payments]),
            texts([p.account_id for p in payments]),
            texts([p.currency for p in payments]),
            texts([p.status.value for p in payments]),
            ints([p.authorized_minor for p in payments]),
            *_sums(payments),
            ints([p.fee_bps for p in payments]),
            texts([p.description for p in payments]),
            texts([_encode(p.metadata) if p.metadata else "{}" for p in payments]),
            texts([p.created_at.isoformat() for p in payments]),
            texts([p.updated_at.isoformat() for p in payments]),
            texts([p.expires_at.isoformat() for p in payments]),
        ],
    )


_UPDATE: LiteralString = """
UPDATE core.card_payment AS p
SET status = n.status, captured_minor = n.captured, released_minor = n.released, fee_minor = n.fee,
    refunded_minor = n.refunded, fee_refunded_minor = n.fee_refunded, settled_minor = n.settled,
    refunds = n.refunds, updated_at = n.updated_at
FROM unnest(
    %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::integer[], %s::timestamptz[])
    AS n (id, status, captured, released, fee, refunded, fee_refunded, settled, refunds, updated_at)
WHERE p.id = n.id
"""


async def _update(conn: Connection, payments: Sequence[CardPayment]) -> None:
    if not payments:
        return
    await conn.execute(
        _UPDATE,
        [
            texts([p.id for p in payments]),
            texts([p.status.value for p in payments]),
            *_sums(payments),
            texts([p.updated_at.isoformat() for p in payments]),
        ],
    )


def _sums(payments: Sequence[CardPayment]) -> list[str]:
    return [
        ints([p.captured_minor for p in payments]),
        ints([p.released_minor for p in payments]),
        ints([p.fee_minor for p in payments]),
        ints([p.refunded_minor for p in payments]),
        ints([p.fee_refunded_minor for p in payments]),
        ints([p.settled_minor for p in payments]),
        ints([p.refunds for p in payments]),
    ]


_TAKE: LiteralString = """
INSERT INTO core.card_capture (payment_id, number, amount_minor, fee_minor, created_at)
SELECT * FROM unnest(%s::text[], %s::integer[], %s::bigint[], %s::bigint[], %s::timestamptz[])
"""


async def _take(conn: Connection, captures: Sequence[tuple[CardPayment, Capture]]) -> None:
    if not captures:
        return
    await conn.execute(
        _TAKE,
        [
            texts([payment.id for payment, _ in captures]),
            ints([capture.number for _, capture in captures]),
            ints([capture.amount_minor for _, capture in captures]),
            ints([capture.fee_minor for _, capture in captures]),
            texts([payment.updated_at.isoformat() for payment, _ in captures]),
        ],
    )


_RETURN: LiteralString = """
UPDATE core.card_capture AS c
SET merchant_returned_minor = n.merchant, fee_returned_minor = n.fee
FROM unnest(%s::text[], %s::integer[], %s::bigint[], %s::bigint[]) AS n (payment_id, number, merchant, fee)
WHERE c.payment_id = n.payment_id AND c.number = n.number
    AND (c.merchant_returned_minor, c.fee_returned_minor) <> (n.merchant, n.fee)
"""


async def _return(conn: Connection, payments: Sequence[CardPayment]) -> None:
    captures = [(payment.id, capture) for payment in payments for capture in payment.captures]
    if not captures:
        return
    await conn.execute(
        _RETURN,
        [
            texts([payment_id for payment_id, _ in captures]),
            ints([capture.number for _, capture in captures]),
            ints([capture.merchant_returned_minor for _, capture in captures]),
            ints([capture.fee_returned_minor for _, capture in captures]),
        ],
    )


_REFUND: LiteralString = """
WITH refund AS (
    INSERT INTO core.card_refund (payment_id, number, merchant_minor, fee_minor, reason, created_at)
    SELECT * FROM unnest(
        %s::text[], %s::integer[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])
)
INSERT INTO core.card_refund_part (payment_id, refund, capture, merchant_minor, fee_minor)
SELECT * FROM unnest(%s::text[], %s::integer[], %s::integer[], %s::bigint[], %s::bigint[])
"""


async def _refund(conn: Connection, refunds: Sequence[tuple[CardPayment, Refund]]) -> None:
    if not refunds:
        return
    parts = [(payment.id, refund.number, part) for payment, refund in refunds for part in refund.parts]
    await conn.execute(
        _REFUND,
        [
            texts([payment.id for payment, _ in refunds]),
            ints([refund.number for _, refund in refunds]),
            ints([refund.merchant_minor for _, refund in refunds]),
            ints([refund.fee_minor for _, refund in refunds]),
            texts([refund.reason for _, refund in refunds]),
            texts([payment.updated_at.isoformat() for payment, _ in refunds]),
            texts([payment_id for payment_id, _, _ in parts]),
            ints([number for _, number, _ in parts]),
            ints([part.capture for _, _, part in parts]),
            ints([part.merchant_minor for _, _, part in parts]),
            ints([part.fee_minor for _, _, part in parts]),
        ],
    )


async def refund_parts(conn: Connection, payment_id: str) -> dict[int, list[RefundPart]]:
    """Return the parts of every refund of a payment by the refund's number."""
    found = await conn.execute(
        """
        SELECT refund, capture, merchant_minor, fee_minor FROM core.card_refund_part
        WHERE payment_id = %s ORDER BY refund, capture
        """,
        [payment_id],
    )
    parts: dict[int, list[RefundPart]] = {}
    for refund, capture, merchant, fee in await found.fetchall():
        parts.setdefault(refund, []).append(RefundPart(capture, merchant, fee))
    return parts
