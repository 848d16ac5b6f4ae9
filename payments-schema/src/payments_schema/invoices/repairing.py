"""Puts dead payment events right: an edited copy takes the place of the original, and both say so.

Must not change what came in: the original keeps its record, and an event tells who did what and why.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from payments_schema.errors import InvalidTransition
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.invoices import inbox
from payments_schema.invoices.inbox import Connection
from payments_schema.jobs import store as jobs
from payments_schema.wire.invoices import EventStatus, PaymentEventView, RepairEvent


async def repair(conn: Connection, event_id: UUID, body: RepairEvent, operator: str) -> PaymentEventView:
    """Close a dead event and let an edited copy of it wait to be applied; returns the copy.

    Raises PaymentEventNotFound, InvalidTransition where it is not dead.
    """
    dead = await locked_dead(conn, event_id, "repaired")
    copy_id = uuid4()
    edited = inbox.Arrived(
        copy_id,
        body.invoice_id or dead.invoice_id,
        body.amount_cents or dead.amount_cents,
        body.model_dump_json(),
    )
    await inbox.accept(conn, [edited])
    await inbox.mark_repaired(conn, event_id, copy_id, body.reason)
    if dead.job_id is not None:
        await jobs.discard(conn, dead.job_id)
    audit = {"by": operator, "copy": str(copy_id)} | body.model_dump(mode="json", exclude_none=True)
    await events.record(conn, NewEvent("payment_event.repaired", str(event_id), audit))
    return await inbox.lock(conn, copy_id)


async def locked_dead(conn: Connection, event_id: UUID, what: str) -> PaymentEventView:
    """The event, kept from others until the commit. Raises as `repair` does."""
    dead = await inbox.lock(conn, event_id)
    if dead.status is not EventStatus.DEAD:
        raise InvalidTransition(
            f"only a dead event is {what}; this one is {dead.status.value}",
            current_status=dead.status.value,
            allowed_actions=[],
        )
    return dead
