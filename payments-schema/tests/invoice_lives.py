"""Lives of invoices for tests: changes in a row, and all that they write. Must not hold assertions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from psycopg import AsyncConnection

from payments_schema.events import store as events
from payments_schema.invoices import facts, inbox, lifecycle, movements, store
from payments_schema.invoices.inbox import Arrived
from payments_schema.invoices.lifecycle import Allocated, Change, CreditRefunded, Invoice, Issued, Paid
from payments_schema.ledger import store as ledger
from payments_schema.ledger.posting import Posting
from payments_schema.wire.invoices import InvoiceStatus

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SPACE = UUID("5f0c4d0e-53a1-4c53-9d5a-53b4f1d7a002")
Step = Callable[[Invoice], Change]


def an_invoice(total: int = 10_000, **rest: Any) -> Issued:
    """A fresh invoice, booked."""
    asked: dict[str, Any] = {"customer": "Ama", "client": "client", "currency": "USD"} | rest
    id_ = asked.pop("id", None) or uuid4()
    return Issued(
        Invoice(id_, total_minor=total, status=InvoiceStatus.SENT, created_at=NOW, updated_at=NOW, **asked)
    )


def paid(amount: int) -> Step:
    return lambda invoice: lifecycle.pay(invoice, uuid5(SPACE, f"{invoice.id} {invoice.steps}"), amount, NOW)


def credited(amount: int | None = None) -> Step:
    return lambda invoice: lifecycle.credit_note(invoice, amount, "late", NOW)


def voided(invoice: Invoice) -> Change:
    return lifecycle.void(invoice, "by mistake", NOW)


def allocated(amount: int | None, credit: int) -> Step:
    return lambda invoice: lifecycle.allocate(invoice, amount, credit, NOW)


def life(*steps: Step, total: int = 10_000, **rest: Any) -> list[Change]:
    """An invoice from its issue through the steps."""
    changes: list[Change] = [an_invoice(total, **rest)]
    for step in steps:
        changes.append(step(changes[-1].invoice))
    return changes


def refunded(amount: int, credit: int, step: int = 1) -> CreditRefunded:
    """Credit of Ama's, given back."""
    return lifecycle.refund_credit("Ama", "USD", amount, credit, step, NOW)


def posting_of(change: Change | CreditRefunded) -> Posting:
    """What a change posts, of whichever kind it is."""
    return movements.of_refund(change) if isinstance(change, CreditRefunded) else movements.of(change)


async def write(conn: AsyncConnection[Any], changes: Sequence[Change | CreditRefunded]) -> None:
    """All that the platform writes for the changes, one after the other."""
    for change in changes:
        if isinstance(change, CreditRefunded):
            await store.take_credit(conn, change.customer, change.currency, change.amount_minor)
            await ledger.post(conn, movements.of_refund(change))
            await events.record(conn, facts.of_refund(change))
            continue
        invoice = change.invoice
        if isinstance(change, Issued):
            await store.create(conn, invoice)
        if isinstance(change, Paid):
            amount = change.applied_minor + change.credit_minor
            await inbox.accept(conn, [Arrived(change.event_id, invoice.id, amount, json.dumps({}))])
            [waiting] = await inbox.waiting_of(conn, [invoice.id], 1)
            await inbox.mark_applied(conn, [(waiting.number, change)])
            await store.add_credit(conn, {(invoice.debtor, invoice.currency): change.credit_minor})
        if isinstance(change, Allocated):
            await store.take_credit(conn, invoice.debtor, invoice.currency, change.amount_minor)
        await store.save(conn, [invoice])
        await ledger.post(conn, movements.of(change))
        await events.record_many(conn, facts.of(change))
    await conn.commit()
