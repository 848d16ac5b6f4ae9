"""The events that tell others what happened to an invoice. Pure; must not record them."""

from __future__ import annotations

from typing import Any, assert_never

from payments_schema.events.store import NewEvent
from payments_schema.invoices.lifecycle import Allocated, Change, CreditNoted, CreditRefunded, Issued, Paid
from payments_schema.wire.invoices import InvoiceStatus


def of(change: Change) -> list[NewEvent]:
    """Return the facts of a change, amounts in minor units; the one that completes tells so as well."""
    invoice = change.invoice
    topic, details = _told(change)
    sums: dict[str, Any] = {
        "id": str(invoice.id),
        "status": invoice.status.value,
        "currency": invoice.currency,
        "customer": invoice.customer,
        "total_cents": invoice.total_minor,
        "paid_cents": invoice.paid_minor,
        "credited_cents": invoice.credited_minor,
        "credit_cents": invoice.credit_minor,
    }
    told = [NewEvent(topic, str(invoice.id), sums | details)]
    # What is paid beyond the total finds the invoice paid already; a credit note over the rest ends it, too.
    has_moved = change.applied_minor > 0 if isinstance(change, Paid) else True
    if has_moved and invoice.status is InvoiceStatus.PAID:
        told.append(NewEvent("invoice.paid", str(invoice.id), sums))
    return told


def of_refund(change: CreditRefunded) -> NewEvent:
    """Return the fact that credit was given back."""
    data = {"customer": change.customer, "currency": change.currency, "amount_cents": change.amount_minor}
    return NewEvent("customer_credit.refunded", change.customer, data)


def _told(change: Change) -> tuple[str, dict[str, Any]]:
    match change:
        case Issued(_):
            return "invoice.created", {}
        case Paid(_, event_id, applied, credit):
            return "invoice.payment_applied", {
                "event_id": str(event_id),
                "amount_cents": applied + credit,
                "applied_cents": applied,
                "became_credit_cents": credit,
            }
        case CreditNoted(invoice, amount, reason):
            topic = "invoice.voided" if invoice.status is InvoiceStatus.VOID else "invoice.credit_noted"
            return topic, {"amount_cents": amount, "reason": reason}
        case Allocated(_, amount):
            return "invoice.credit_allocated", {"amount_cents": amount}
        case _:
            assert_never(change)
