"""Carries out what operators ask of invoices: lock, decide, save, post, record.

Must not speak HTTP, and must not decide what an invoice allows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from payments_schema.approvals import rules as approvals
from payments_schema.errors import PaymentsError
from payments_schema.events import store as events
from payments_schema.ids import uuid7
from payments_schema.invoices import facts, inbox, lifecycle, movements, store
from payments_schema.invoices.lifecycle import Change, Invoice, Issued
from payments_schema.jobs import store as jobs
from payments_schema.ledger import store as ledger
from payments_schema.ledger.posting import Posting
from payments_schema.money import Money
from payments_schema.wire.invoices import (
    AmountAsked,
    CreateInvoice,
    CreditNote,
    CustomerCredit,
    GiveReason,
    InvoiceDetail,
    InvoiceStatus,
    InvoiceView,
    RefundCredit,
)

from payments_api.batching import Connection
from payments_api.invoices import render

ALONE = timedelta(days=30)
"""What is given back within it counts together, so that a sum cannot be cut into small pieces."""


class InvoiceIdTaken(PaymentsError):
    """The id that the client chose belongs to another invoice."""

    code = "invoice_id_taken"
    status = 409


async def create(conn: Connection, client: str, body: CreateInvoice) -> InvoiceView:
    """Make an invoice and book it; events that came before it are applied at once. Raises InvoiceIdTaken."""
    invoice = _new(client, body)
    if not await store.create(conn, invoice):
        raise InvoiceIdTaken("An invoice with this id exists already")
    await ledger.post(conn, movements.issue(invoice))
    await events.record_many(conn, facts.of(Issued(invoice)))
    if body.id is not None:
        await jobs.enqueue(conn, inbox.QUEUE, inbox.APPLY, [[str(invoice.id)]])
    return render.view(invoice, invoice.created_at)


async def preview_new(conn: Connection, client: str, body: CreateInvoice) -> list[Posting]:
    """What a new invoice would post. Raises InvoiceIdTaken."""
    if body.id is not None and await store.exists(conn, body.id):
        raise InvoiceIdTaken("An invoice with this id exists already")
    return [movements.issue(_new(client, body))]


def _new(client: str, body: CreateInvoice) -> Invoice:
    now = datetime.now(UTC)
    return Invoice(
        body.id or uuid7(),
        client,
        body.currency,
        body.sum_cents,
        InvoiceStatus.SENT,
        now,
        now,
        due_at=body.due_at,
        customer=body.customer,
        description=body.description,
        lines=[line.model_dump() for line in body.lines],
    )


async def detail(conn: Connection, invoice_id: UUID, owner: str | None) -> InvoiceDetail:
    """An invoice with its events and entries. Raises InvoiceNotFound."""
    invoice = await look(conn, invoice_id, owner)
    shown = render.view(invoice, datetime.now(UTC))
    return InvoiceDetail(
        **dict(shown),
        events=await inbox.of_invoice(conn, invoice_id),
        entries=await store.entries(conn, invoice_id),
        allowed_actions=lifecycle.allowed_actions(invoice),
    )


async def look(conn: Connection, invoice_id: UUID, owner: str | None) -> Invoice:
    """An invoice that the caller may see. Raises InvoiceNotFound."""
    invoice = await store.get(conn, invoice_id)
    if owner is not None and invoice.client != owner:
        raise store.InvoiceNotFound
    return invoice


async def void(conn: Connection, invoice_id: UUID, reason: str | None) -> InvoiceView:
    """Cancel an invoice. Raises InvoiceNotFound, InvalidTransition."""
    held = await store.lock(conn, invoice_id)
    return await _carry_out(conn, held, lifecycle.void(held, reason, datetime.now(UTC)))


async def credit_note(
    conn: Connection, invoice_id: UUID, amount_minor: int | None, reason: str | None
) -> InvoiceView:
    """Give up a part. Raises InvoiceNotFound, InvalidTransition, InvalidAmount."""
    held = await store.lock(conn, invoice_id)
    return await _carry_out(conn, held, lifecycle.credit_note(held, amount_minor, reason, datetime.now(UTC)))


async def allocate(conn: Connection, invoice_id: UUID, amount_minor: int | None) -> InvoiceView:
    """Pay with the customer's credit. Raises InvoiceNotFound, InvalidTransition, InvalidAmount."""
    held = await store.lock(conn, invoice_id)
    credit, _ = await store.lock_credit(conn, held.debtor, held.currency)
    allocated = lifecycle.allocate(held, amount_minor, credit, datetime.now(UTC))
    await store.take_credit(conn, held.debtor, held.currency, allocated.amount_minor)
    return await _carry_out(conn, held, allocated)


async def preview(
    conn: Connection, invoice_id: UUID, wish: CreditNote | GiveReason | AmountAsked
) -> list[Posting]:
    """What a credit note, a void or an allocation would post now. Raises what it would raise."""
    held, now = await store.get(conn, invoice_id), datetime.now(UTC)
    match wish:
        case CreditNote():
            change: Change = lifecycle.credit_note(held, wish.amount_cents, wish.reason, now)
        case GiveReason():
            change = lifecycle.void(held, wish.reason, now)
        case AmountAsked():
            credit, _ = await store.lock_credit(conn, held.debtor, held.currency)
            change = lifecycle.allocate(held, wish.amount_cents, credit, now)
    return [*([] if held.is_booked else [movements.issue(held)]), movements.of(change)]


async def preview_refund(conn: Connection, body: RefundCredit) -> list[Posting]:
    """What giving credit back would post now; looking at it takes no second person. Raises InvalidAmount."""
    credit, steps = await store.lock_credit(conn, body.customer, body.currency)
    now = datetime.now(UTC)
    refunded = lifecycle.refund_credit(
        body.customer, body.currency, body.amount_cents, credit, steps + 1, now
    )
    return [movements.of_refund(refunded)]


async def refund_credit(conn: Connection, body: RefundCredit, limit: Decimal | None) -> CustomerCredit:
    """Give credit back. Raises InvalidAmount, ApprovalRequired.

    limit: what one person may give back to a customer within `ALONE`; None where a second one agreed.
    """
    credit, steps = await store.lock_credit(conn, body.customer, body.currency)
    now = datetime.now(UTC)
    refunded = lifecycle.refund_credit(
        body.customer, body.currency, body.amount_cents, credit, steps + 1, now
    )
    if limit is not None:
        before = await store.refunded_of(conn, body.customer, body.currency, now - ALONE)
        approvals.require_none(limit, Money(before + refunded.amount_minor, body.currency))
    await store.take_credit(conn, body.customer, body.currency, refunded.amount_minor)
    await ledger.post(conn, movements.of_refund(refunded))
    await events.record(conn, facts.of_refund(refunded))
    left = credit - refunded.amount_minor
    return CustomerCredit(customer=body.customer, currency=body.currency, credit_cents=left)


async def _carry_out(conn: Connection, before: Invoice, change: Change) -> InvoiceView:
    await store.save(conn, [change.invoice])
    if not before.is_booked:
        await ledger.post(conn, movements.issue(before))
    await ledger.post(conn, movements.of(change))
    await events.record_many(conn, facts.of(change))
    return render.view(change.invoice, change.invoice.updated_at)
