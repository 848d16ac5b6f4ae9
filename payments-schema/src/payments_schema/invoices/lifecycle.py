"""What may become of an invoice and of a customer's credit. Pure: the only branching about invoices.

Must not see a clock, a connection or an id that it did not get.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from payments_schema.errors import InvalidAmount, InvalidTransition
from payments_schema.wire.invoices import InvoiceStatus


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with its sums, all in minor units."""

    id: UUID
    client: str
    currency: str
    total_minor: int
    status: InvoiceStatus
    created_at: datetime
    updated_at: datetime
    paid_minor: int = 0
    credited_minor: int = 0
    credit_minor: int = 0
    is_booked: bool = True
    steps: int = 0
    due_at: datetime | None = None
    customer: str | None = None
    description: str | None = None
    lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def open_minor(self) -> int:
        """What is still to be paid."""
        return self.total_minor - self.paid_minor - self.credited_minor

    @property
    def debtor(self) -> str:
        """Whose credit an overpayment becomes; an invoice without a customer keeps it under its own id."""
        return self.customer or f"invoice:{self.id}"


@dataclass(frozen=True, slots=True)
class Issued:
    """The invoice was made, and what it claims stands in the ledger."""

    invoice: Invoice


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment came in: a part pays the invoice, the rest is the customer's credit."""

    invoice: Invoice
    event_id: UUID
    applied_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True)
class CreditNoted:
    """A part of the claim was given up; all of it where the invoice is void."""

    invoice: Invoice
    amount_minor: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Allocated:
    """A customer's credit paid a part of another invoice of his."""

    invoice: Invoice
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CreditRefunded:
    """A customer got a part of his credit back; `step` counts the changes of that credit."""

    customer: str
    currency: str
    amount_minor: int
    step: int
    at: datetime


Change = Issued | Paid | CreditNoted | Allocated
_FINAL = (InvoiceStatus.PAID, InvoiceStatus.VOID)


def pay(invoice: Invoice, event_id: UUID, amount_minor: int, now: datetime) -> Paid:
    """Take a payment. Never refuses: what is not owed becomes credit, whatever the status."""
    applied = min(amount_minor, invoice.open_minor)
    paid = replace(
        _stepped(invoice, now),
        paid_minor=invoice.paid_minor + applied,
        credit_minor=invoice.credit_minor + amount_minor - applied,
    )
    return Paid(_judged(paid), event_id, applied, amount_minor - applied)


def credit_note(invoice: Invoice, amount_minor: int | None, reason: str | None, now: datetime) -> CreditNoted:
    """Give up a part of what is open, all of it where no amount is given.

    Raises InvalidTransition where nothing is open, InvalidAmount where less is.
    """
    _require_open(invoice, "credit_note")
    amount = invoice.open_minor if amount_minor is None else amount_minor
    if amount > invoice.open_minor:
        raise InvalidAmount("more than what is open on the invoice", remaining=invoice.open_minor)
    noted = replace(_stepped(invoice, now), credited_minor=invoice.credited_minor + amount)
    return CreditNoted(_judged(noted), amount, reason)


def void(invoice: Invoice, reason: str | None, now: datetime) -> CreditNoted:
    """Cancel an invoice of which nothing was paid. Raises InvalidTransition."""
    if invoice.status is not InvoiceStatus.SENT:
        raise InvalidTransition(
            f"an invoice that is {invoice.status.value} cannot be voided",
            current_status=invoice.status.value,
            allowed_actions=allowed_actions(invoice),
        )
    return credit_note(invoice, None, reason, now)


def allocate(invoice: Invoice, amount_minor: int | None, credit_minor: int, now: datetime) -> Allocated:
    """Pay with credit: as much as asked, or as much as there is and is owed.

    Raises InvalidTransition where nothing is open, InvalidAmount beyond what is open or there.
    """
    _require_open(invoice, "allocate_credit")
    most = min(invoice.open_minor, credit_minor)
    amount = most if amount_minor is None else amount_minor
    if amount > most or amount < 1:
        raise InvalidAmount("more than what is open on the invoice or there as credit", remaining=most)
    paid = replace(_stepped(invoice, now), paid_minor=invoice.paid_minor + amount)
    return Allocated(_judged(paid), amount)


def refund_credit(
    customer: str, currency: str, amount_minor: int | None, credit_minor: int, step: int, now: datetime
) -> CreditRefunded:
    """Give credit back, all of it where no amount is given. Raises InvalidAmount."""
    amount = credit_minor if amount_minor is None else amount_minor
    if amount > credit_minor or amount < 1:
        raise InvalidAmount("more than what is there as credit", remaining=credit_minor)
    return CreditRefunded(customer, currency, amount, step, now)


def allowed_actions(invoice: Invoice) -> list[str]:
    """What an operator may do with it now."""
    if invoice.status in _FINAL:
        return []
    return ["credit_note", "allocate_credit", *(["void"] if invoice.status is InvoiceStatus.SENT else [])]


def _require_open(invoice: Invoice, action: str) -> None:
    if invoice.status in _FINAL:
        raise InvalidTransition(
            f"an invoice that is {invoice.status.value} does not take {action}",
            current_status=invoice.status.value,
            allowed_actions=[],
        )


def _stepped(invoice: Invoice, now: datetime) -> Invoice:
    return replace(invoice, steps=invoice.steps + 1, is_booked=True, updated_at=now)


def _judged(invoice: Invoice) -> Invoice:
    """The status follows from the sums, so that it cannot contradict them."""
    if invoice.open_minor:
        status = InvoiceStatus.PARTIALLY_PAID if invoice.paid_minor else InvoiceStatus.SENT
    else:
        status = InvoiceStatus.PAID if invoice.paid_minor else InvoiceStatus.VOID
    return replace(invoice, status=status)
