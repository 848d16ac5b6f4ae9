"""SQL of wallet payments. Must not decide anything, post anything, call a provider, or commit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString, cast
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.database.arrays import ints, texts
from payments_schema.errors import PaymentNotFound
from payments_schema.money import Money
from payments_schema.wallets.lifecycle import Attempt, Change, Transition, WalletPayment
from payments_schema.wallets.movements import Purpose
from payments_schema.wire.wallets import AttemptState, Review, WalletDirection, WalletProvider, WalletStatus

Connection = AsyncConnection[TupleRow]
Write = tuple[LiteralString, list[str]]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_ATTEMPTS: LiteralString = """
SELECT payment_id, purpose, number, provider, reference, state, fee_minor, created_at, sends, inquiries,
    code, raw, provider_id, resolved_at
FROM core.wallet_attempt
WHERE payment_id = ANY (%s)
ORDER BY payment_id, created_at, purpose, number
"""

_LOCK: LiteralString = """
SELECT id, client, user_id, direction, amount_minor, currency, phone, network, recipient_name, description,
    metadata, wanted_provider, created_at, expires_at, updated_at, status, provider, review, risk, routing,
    failure_code, failure_reason, late_outcome, voucher, due_at, traceparent
FROM core.wallet_payment
WHERE id = ANY (%s)
ORDER BY id
FOR NO KEY UPDATE
"""


async def lock(conn: Connection, payment_ids: Iterable[str]) -> dict[str, WalletPayment]:
    """Lock payments in the order of their ids; those that do not exist are left out."""
    wanted = sorted(set(payment_ids))
    if not wanted:
        return {}
    locked = await conn.execute(_LOCK, [wanted])
    return await _with_attempts(conn, await locked.fetchall())


_TAKE_DUE: LiteralString = """
SELECT id, client, user_id, direction, amount_minor, currency, phone, network, recipient_name, description,
    metadata, wanted_provider, created_at, expires_at, updated_at, status, provider, review, risk, routing,
    failure_code, failure_reason, late_outcome, voucher, due_at, traceparent
FROM core.wallet_payment
WHERE due_at <= %(now)s
ORDER BY due_at
LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
"""


DUE: LiteralString = """
EXISTS (SELECT FROM core.wallet_payment WHERE due_at <= now())
OR EXISTS (SELECT FROM core.wallet_provider_health WHERE breaker <> 'closed')
OR NOT EXISTS (SELECT FROM core.wallet_provider_health)
"""
"""As an expression: whether a payment is due, or how a provider is may have to be noted."""


async def take_due(conn: Connection, *, now: datetime, limit: int) -> dict[str, WalletPayment]:
    """Lock payments that are due, the longest due first.

    The caller must save each with another due_at: that is its lease, and whoever dies while holding it leaves
    a payment that becomes due again by itself.
    """
    taken = await conn.execute(_TAKE_DUE, {"now": now, "limit": limit})
    return await _with_attempts(conn, await taken.fetchall())


_READ: LiteralString = """
SELECT id, client, user_id, direction, amount_minor, currency, phone, network, recipient_name, description,
    metadata, wanted_provider, created_at, expires_at, updated_at, status, provider, review, risk, routing,
    failure_code, failure_reason, late_outcome, voucher, due_at, traceparent
FROM core.wallet_payment
WHERE id = %s AND (%s::text IS NULL OR client = %s)
"""


async def get(conn: Connection, payment_id: str, client: str | None = None) -> WalletPayment:
    """Return a payment, of `client` alone where one is given. Raises PaymentNotFound."""
    found = await conn.execute(_READ, [payment_id, client, client])
    payments = await _with_attempts(conn, await found.fetchall())
    if payment_id not in payments:
        raise PaymentNotFound
    return payments[payment_id]


_LIST: LiteralString = """
SELECT id, client, user_id, direction, amount_minor, currency, phone, network, recipient_name, description,
    metadata, wanted_provider, created_at, expires_at, updated_at, status, provider, review, risk, routing,
    failure_code, failure_reason, late_outcome, voucher, due_at, traceparent
FROM core.wallet_payment
WHERE (%(before)s::text IS NULL OR id < %(before)s)
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(review)s::text IS NULL OR review = %(review)s)
    AND (%(client)s::text IS NULL OR client = %(client)s)
ORDER BY id DESC
LIMIT %(limit)s
"""


async def list_before(
    conn: Connection,
    *,
    limit: int,
    before: str | None = None,
    status: str | None = None,
    client: str | None = None,
    review: str | None = None,
) -> list[WalletPayment]:
    """Return payments older than `before`, newest first."""
    values = {"limit": limit, "before": before, "status": status, "client": client, "review": review}
    # Planned anew each time: one plan for all filters would be a bad one for most.
    found = await conn.execute(_LIST, values, prepare=False)
    return list((await _with_attempts(conn, await found.fetchall())).values())


async def payment_of_reference(conn: Connection, provider: str, reference: UUID) -> str | None:
    """Which payment a provider's callback is about, if any of ours."""
    found = await conn.execute(
        "SELECT payment_id FROM core.wallet_attempt WHERE reference = %s AND provider = %s",
        [reference, provider],
    )
    row = await found.fetchone()
    return None if row is None else row[0]


async def hasten(conn: Connection, payment_id: str, now: datetime) -> bool:
    """Make an undecided payment due now, as a hint says; whether there was anything to hasten."""
    done = await conn.execute(
        """
        UPDATE core.wallet_payment AS p SET due_at = %(now)s
        WHERE p.id = %(id)s AND EXISTS (
            SELECT FROM core.wallet_attempt AS a
            WHERE a.payment_id = p.id AND a.state IN ('accepted', 'unknown'))
        """,
        {"id": payment_id, "now": now},
    )
    return done.rowcount > 0


async def transitions(conn: Connection, payment_id: str) -> list[Transition]:
    """The audit trail of a payment, oldest first."""
    found = await conn.execute(
        """
        SELECT from_status, to_status, actor, reason, at FROM core.wallet_transition
        WHERE payment_id = %s ORDER BY number
        """,
        [payment_id],
    )
    return [
        Transition(None if before is None else WalletStatus(before), WalletStatus(after), actor, reason, at)
        for before, after, actor, reason, at in await found.fetchall()
    ]


async def _with_attempts(conn: Connection, rows: Sequence[TupleRow]) -> dict[str, WalletPayment]:
    attempts: dict[str, list[Attempt]] = {row[0]: [] for row in rows}
    # A fresh payment has none, and batches of fresh ones are the hot path.
    wanted = [row[0] for row in rows if row[15] not in ("INITIATED", "VALIDATING", "PENDING")]
    if wanted:
        found = await conn.execute(_ATTEMPTS, [wanted])
        for payment_id, *rest in await found.fetchall():
            attempts[payment_id].append(_attempt(rest))
    return {row[0]: _payment(row, attempts[row[0]]) for row in rows}


def _attempt(row: Sequence[Any]) -> Attempt:
    purpose, number, provider, reference, state, fee_minor, created_at, *rest = row
    return Attempt(
        cast(Purpose, purpose),
        number,
        WalletProvider(provider),
        reference,
        AttemptState(state),
        fee_minor,
        created_at,
        *rest,
    )


def _payment(row: TupleRow, attempts: Sequence[Attempt]) -> WalletPayment:
    id, client, user_id, direction, minor, currency, phone, network, name, description, metadata = row[:11]
    wanted, created_at, expires_at, updated_at, status, provider, review, risk, routing, *rest = row[11:]
    return WalletPayment(
        id,
        client,
        user_id,
        WalletDirection(direction),
        Money(minor, currency),
        phone,
        network,
        name,
        description,
        metadata,
        None if wanted is None else WalletProvider(wanted),
        created_at,
        expires_at,
        updated_at,
        WalletStatus(status),
        None if provider is None else WalletProvider(provider),
        None if review is None else Review(review),
        risk,
        tuple(routing),
        *rest,
        attempts=tuple(attempts),
    )


async def save(conn: Connection, changes: Sequence[Change]) -> None:
    """Write what changes left behind: payments, their attempts and their audit trail."""
    for statement, values in writes(changes):
        await conn.execute(statement, values)


def writes(changes: Sequence[Change]) -> list[Write]:
    """The statements that write changes, with their values, in the order in which they must be executed."""
    laid_out = (
        _insert([change.payment for change in changes if change.is_new]),
        _update([change.payment for change in changes if not change.is_new]),
        _put_attempts([change.payment for change in changes]),
        _append(changes),
    )
    return [write for write in laid_out if write is not None]


_INSERT: LiteralString = """
INSERT INTO core.wallet_payment (
    id, client, user_id, direction, amount_minor, currency, phone, network, recipient_name, description,
    metadata, wanted_provider, status, voucher, due_at, traceparent, created_at, updated_at, expires_at)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::jsonb[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[],
    %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
"""


def _insert(payments: Sequence[WalletPayment]) -> Write | None:
    if not payments:
        return None
    return (
        _INSERT,
        [
            texts([p.id for p in payments]),
            texts([p.client for p in payments]),
            texts([p.user_id for p in payments]),
            texts([p.direction for p in payments]),
            ints([p.amount.minor for p in payments]),
            texts([p.amount.currency for p in payments]),
            texts([p.phone for p in payments]),
            texts([p.network for p in payments]),
            texts([p.recipient_name for p in payments]),
            texts([p.description for p in payments]),
            texts([_encode(dict(p.metadata)) for p in payments]),
            texts([p.wanted_provider for p in payments]),
            texts([p.status for p in payments]),
            texts([p.voucher for p in payments]),
            _times([p.due_at for p in payments]),
            texts([p.traceparent for p in payments]),
            _times([p.created_at for p in payments]),
            _times([p.updated_at for p in payments]),
            _times([p.expires_at for p in payments]),
        ],
    )


_UPDATE: LiteralString = """
UPDATE core.wallet_payment AS p
SET status = n.status, provider = n.provider, review = n.review, risk = n.risk, routing = n.routing,
    failure_code = n.failure_code, failure_reason = n.failure_reason, late_outcome = n.late_outcome,
    voucher = n.voucher, due_at = n.due_at, updated_at = n.updated_at, expires_at = n.expires_at
FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
    AS n (id, status, provider, review, risk, routing, failure_code, failure_reason, late_outcome, voucher,
        due_at, updated_at, expires_at)
WHERE p.id = n.id
"""


def _update(payments: Sequence[WalletPayment]) -> Write | None:
    if not payments:
        return None
    return (
        _UPDATE,
        [
            texts([p.id for p in payments]),
            texts([p.status for p in payments]),
            texts([p.provider for p in payments]),
            texts([p.review for p in payments]),
            texts([None if p.risk is None else _encode(dict(p.risk)) for p in payments]),
            texts([_encode(p.routing) for p in payments]),
            texts([p.failure_code for p in payments]),
            texts([p.failure_reason for p in payments]),
            texts([p.late_outcome for p in payments]),
            texts([p.voucher for p in payments]),
            _times([p.due_at for p in payments]),
            _times([p.updated_at for p in payments]),
            _times([p.expires_at for p in payments]),
        ],
    )


# A definite attempt is never written again: the condition says so to two workers as well.
_PUT: LiteralString = """
INSERT INTO core.wallet_attempt AS a (
    payment_id, purpose, number, provider, reference, state, fee_minor, sends, inquiries, code, raw,
    provider_id, created_at, resolved_at)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::integer[], %s::text[], %s::uuid[], %s::text[], %s::bigint[], %s::integer[],
    %s::integer[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
ON CONFLICT (payment_id, purpose, number) DO UPDATE
SET state = excluded.state, fee_minor = excluded.fee_minor, sends = excluded.sends,
    inquiries = excluded.inquiries, code = excluded.code, raw = excluded.raw,
    provider_id = excluded.provider_id, resolved_at = excluded.resolved_at
WHERE a.resolved_at IS NULL
"""


def _put_attempts(payments: Sequence[WalletPayment]) -> Write | None:
    # What failed comes first, so that its successor finds the payment free of open attempts.
    rows = sorted(
        ((payment.id, attempt) for payment in payments for attempt in payment.attempts),
        key=lambda row: (row[0], row[1].state is not AttemptState.FAILED, row[1].number),
    )
    if not rows:
        return None
    return (
        _PUT,
        [
            texts([payment_id for payment_id, _ in rows]),
            texts([a.purpose for _, a in rows]),
            ints([a.number for _, a in rows]),
            texts([a.provider for _, a in rows]),
            texts([a.reference.hex for _, a in rows]),
            texts([a.state for _, a in rows]),
            ints([a.fee_minor for _, a in rows]),
            ints([a.sends for _, a in rows]),
            ints([a.inquiries for _, a in rows]),
            texts([a.code for _, a in rows]),
            texts([a.raw for _, a in rows]),
            texts([a.provider_id for _, a in rows]),
            _times([a.created_at for _, a in rows]),
            _times([a.resolved_at for _, a in rows]),
        ],
    )


_APPEND: LiteralString = """
INSERT INTO core.wallet_transition (payment_id, number, from_status, to_status, actor, reason, at)
SELECT n.payment_id,
    n.step + coalesce(
        (SELECT max(t.number) FROM core.wallet_transition AS t WHERE t.payment_id = n.payment_id), 0),
    n.from_status, n.to_status, n.actor, n.reason, n.at
FROM unnest(
    %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
    AS n (payment_id, step, from_status, to_status, actor, reason, at)
"""


def _append(changes: Sequence[Change]) -> Write | None:
    rows = [
        (change.payment.id, step, transition)
        for change in changes
        for step, transition in enumerate(change.transitions, 1)
    ]
    if not rows:
        return None
    return (
        _APPEND,
        [
            texts([payment_id for payment_id, _, _ in rows]),
            ints([step for _, step, _ in rows]),
            texts([t.from_status for _, _, t in rows]),
            texts([t.to_status for _, _, t in rows]),
            texts([t.actor for _, _, t in rows]),
            texts([t.reason for _, _, t in rows]),
            _times([t.at for _, _, t in rows]),
        ],
    )


def _times(values: Sequence[datetime | None]) -> str:
    return texts([None if value is None else value.isoformat() for value in values])
