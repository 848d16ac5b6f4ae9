"""SQL of incoming payment events: stored once, waiting, applied, dead, repaired.

Must not change an invoice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.database.arrays import ints, texts, uuids
from payments_schema.errors import InvalidCursor, NotFound
from payments_schema.invoices.lifecycle import Paid
from payments_schema.jobs import store as jobs
from payments_schema.wire.invoices import EventStatus, PaymentEventPage, PaymentEventView

Connection = AsyncConnection[TupleRow]

QUEUE = "invoices"
APPLY = "apply_payment_events"
REVIVE = "revive_payment_event"


class Arrived(NamedTuple):
    """A valid event; raw: its body as JSON text."""

    event_id: UUID
    invoice_id: UUID
    amount_minor: int
    raw: str


class Waiting(NamedTuple):
    """An event to apply; number: its place in the order of arrival."""

    number: int
    event_id: UUID
    invoice_id: UUID
    amount_minor: int
    attempts: int
    waits_since: datetime


class PaymentEventNotFound(NotFound):
    """No such event."""

    code = "payment_event_not_found"

    def __init__(self, detail: str = "Payment event not found", **extra: Any) -> None:
        super().__init__(detail, **extra)


async def accept(conn: Connection, events: Sequence[Arrived]) -> int:
    """Store what is new, with one message for all of it; returns how many were new."""
    found = await conn.execute(
        "SELECT core.accept_payment_events(%s, %s, %s, %s, %s)",
        [
            uuids([e.event_id for e in events]),
            uuids([e.invoice_id for e in events]),
            ints([e.amount_minor for e in events]),
            texts([e.raw for e in events]),
            uuid4(),
        ],
    )
    row = await found.fetchone()
    return 0 if row is None else row[0]


async def waiting_of(conn: Connection, invoice_ids: Sequence[UUID], limit: int) -> list[Waiting]:
    """The oldest events of invoices in the order of arrival; the caller holds the invoices' locks.

    Must be a statement of its own after the locking one: it must see what the last holder committed.
    """
    found = await conn.execute(
        """
        SELECT id, event_id, invoice_id, amount_minor, attempts, waits_since FROM core.payment_event
        WHERE status = 'waiting' AND invoice_id = ANY(%s::uuid[])
        ORDER BY id LIMIT %s
        """,
        [uuids(invoice_ids), limit],
    )
    return [Waiting(*row) for row in await found.fetchall()]


async def mark_applied(conn: Connection, applied: Sequence[tuple[int, Paid]]) -> None:
    """Note for each event where its money went."""
    await conn.execute(
        """
        UPDATE core.payment_event AS e
        SET status = 'applied', applied_at = clock_timestamp(), applied_minor = n.applied,
            credit_minor = n.credit, error = NULL
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS n (id, applied, credit)
        WHERE e.id = n.id AND e.status = 'waiting'
        """,
        [
            ints([number for number, _ in applied]),
            ints([paid.applied_minor for _, paid in applied]),
            ints([paid.credit_minor for _, paid in applied]),
        ],
    )


async def postpone(
    conn: Connection, numbers: Sequence[int], error: str, first_s: float, most_s: float
) -> None:
    """Have waiting events wait longer, twice as long each time."""
    await conn.execute(
        """
        UPDATE core.payment_event
        SET attempts = attempts + 1, error = %s,
            due_at = clock_timestamp() + make_interval(secs => least(%s, %s * 2 ^ least(attempts, 30)))
        WHERE id = ANY(%s::bigint[]) AND status = 'waiting' AND due_at <= clock_timestamp()
        """,
        [error, most_s, first_s, ints(numbers)],
    )


async def bury(conn: Connection, event: Waiting, reason: str) -> None:
    """Give an event up: it becomes a dead letter of the queue, to be retried, repaired or discarded there."""
    taken = await conn.execute(
        "SELECT FROM core.payment_event WHERE id = %s AND status = 'waiting' FOR NO KEY UPDATE",
        [event.number],
    )
    if await taken.fetchone() is None:
        return
    message_id = await jobs.enqueue(conn, QUEUE, REVIVE, [str(event.event_id)])
    await jobs.reject(conn, [message_id], reason)
    await conn.execute(
        "UPDATE core.payment_event SET status = 'dead', error = %s, message_id = %s WHERE id = %s",
        [reason, message_id, event.number],
    )


DUE: LiteralString = """
EXISTS (SELECT FROM core.payment_event WHERE status = 'waiting' AND due_at <= now())
"""
"""As an expression: whether `due_invoices` would find any."""


async def due_invoices(conn: Connection, limit: int = 1000) -> list[UUID]:
    """The invoices that have events whose wait is over."""
    found = await conn.execute(
        """
        SELECT DISTINCT d.invoice_id FROM (
            SELECT invoice_id FROM core.payment_event
            WHERE status = 'waiting' AND due_at <= clock_timestamp() ORDER BY due_at LIMIT %s) AS d
        """,
        [limit],
    )
    return [row[0] for row in await found.fetchall()]


async def revive(conn: Connection, event_id: UUID) -> UUID | None:
    """Have a dead event wait anew; returns its invoice, None where it is not dead."""
    found = await conn.execute(
        """
        UPDATE core.payment_event
        SET status = 'waiting', attempts = 0, message_id = NULL,
            waits_since = clock_timestamp(), due_at = clock_timestamp()
        WHERE event_id = %s AND status = 'dead'
        RETURNING invoice_id
        """,
        [event_id],
    )
    row = await found.fetchone()
    return None if row is None else row[0]


async def lock(conn: Connection, event_id: UUID) -> PaymentEventView:
    """One event, kept from others until the commit. Raises PaymentEventNotFound."""
    found = await conn.execute(_SELECT + "WHERE event_id = %s FOR NO KEY UPDATE", [event_id])
    row = await found.fetchone()
    if row is None:
        raise PaymentEventNotFound
    return _view(row)


async def mark_repaired(conn: Connection, event_id: UUID, copy_id: UUID, reason: str) -> None:
    """Close a dead event for good, and say of which event its copy is one."""
    await conn.execute(
        "UPDATE core.payment_event SET status = 'repaired', error = %s WHERE event_id = %s",
        [f"repaired: {reason}", event_id],
    )
    await conn.execute("UPDATE core.payment_event SET repairs = %s WHERE event_id = %s", [event_id, copy_id])


_SELECT: LiteralString = """
SELECT event_id, invoice_id, amount_minor, status, applied_minor, credit_minor, attempts, due_at, error,
    message_id, repairs, received_at, applied_at, raw, id
FROM core.payment_event
"""
_NAMES = (
    "event_id",
    "invoice_id",
    "amount_cents",
    "status",
    "applied_cents",
    "credit_cents",
    "attempts",
    "due_at",
    "error",
    "job_id",
    "repairs",
    "received_at",
    "applied_at",
    "raw",
)


def _view(row: TupleRow) -> PaymentEventView:
    return PaymentEventView(**dict(zip(_NAMES, row[:-1], strict=True)))


async def of_invoice(conn: Connection, invoice_id: UUID, limit: int = 1000) -> list[PaymentEventView]:
    """The events of an invoice in the order of arrival."""
    found = await conn.execute(_SELECT + "WHERE invoice_id = %s ORDER BY id LIMIT %s", [invoice_id, limit])
    return [_view(row) for row in await found.fetchall()]


async def list_page(
    conn: Connection,
    *,
    limit: int,
    cursor: UUID | None,
    status: EventStatus | None,
    invoice_id: UUID | None,
) -> PaymentEventPage:
    """A page of events, newest first. Raises InvalidCursor."""
    before: int | None = None
    if cursor is not None:
        known = await conn.execute("SELECT id FROM core.payment_event WHERE event_id = %s", [cursor])
        row = await known.fetchone()
        if row is None:
            raise InvalidCursor("cursor is not one of ours")
        before = row[0]
    found = await conn.execute(
        _SELECT
        + """
        WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
            AND (%(status)s::text IS NULL OR status = %(status)s)
            AND (%(invoice_id)s::uuid IS NULL OR invoice_id = %(invoice_id)s)
        ORDER BY id DESC LIMIT %(fetch)s
        """,
        {"before": before, "status": status, "invoice_id": invoice_id, "fetch": limit + 1},
        prepare=False,
    )
    rows = await found.fetchall()
    data = [_view(row) for row in rows[:limit]]
    more = len(rows) > limit
    return PaymentEventPage(data=data, has_more=more, next_cursor=str(data[-1].event_id) if more else None)
