"""Invoices and payment events on the wire, amounts in integer cents. Must not hold a rule beyond shape."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from payments_schema.errors import PaymentsError
from payments_schema.money import MAX_MINOR, exponent
from payments_schema.wire.model import Timestamp, WireModel


class InvoiceStatus(StrEnum):
    """sent → partially_paid → paid; void is an invoice that was given up whole before anything was paid."""

    SENT = "sent"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    VOID = "void"


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise PydanticCustomError("not_printable", "must be printable and not blank")
    return value


def _known(value: str) -> str:
    try:
        exponent(value)
    except PaymentsError as error:
        raise PydanticCustomError("money", "{reason}", {"reason": error.detail, "code": error.code}) from None
    return value


Cents = Annotated[StrictInt, Field(gt=0, le=MAX_MINOR)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(_printable)]
Currency = Annotated[StrictStr, AfterValidator(_known)]


class PaymentEvent(WireModel):
    """What `POST /webhooks/payments` takes; further fields are kept in the raw record and ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: UUID
    type: Literal["payment"]
    invoice_id: UUID
    amount_cents: Cents


class EventAccepted(WireModel):
    """Said to every valid event, the first time and every other time."""

    accepted: bool = True
    event_id: UUID


class InvoiceLine(WireModel):
    """One line: so many of something at a price each."""

    description: Name
    quantity: Annotated[StrictInt, Field(gt=0, le=1_000_000)] = 1
    unit_cents: Cents


class CreateInvoice(WireModel):
    """An invoice to send: lines, or a total alone. id: given by who numbers invoices himself."""

    id: UUID | None = None
    currency: Currency = "USD"
    customer: Name | None = None
    lines: list[InvoiceLine] = Field(default_factory=list[InvoiceLine], max_length=200)
    total_cents: Cents | None = None
    due_at: AwareDatetime | None = None
    description: Name | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> CreateInvoice:
        summed = sum(line.quantity * line.unit_cents for line in self.lines)
        if not self.lines and self.total_cents is None:
            raise PydanticCustomError("missing_total", "an invoice has lines or total_cents")
        if self.lines and self.total_cents not in (None, summed):
            raise PydanticCustomError("total_differs", "total_cents is not the sum of the lines")
        if summed > MAX_MINOR:
            raise PydanticCustomError("amount_out_of_range", "the sum of the lines is too large")
        return self

    @property
    def sum_cents(self) -> int:
        """The total."""
        return self.total_cents or sum(line.quantity * line.unit_cents for line in self.lines)


class Ageing(StrEnum):
    """How long what is open has been due."""

    SETTLED = "settled"
    CURRENT = "current"
    DAYS_30 = "1-30"
    DAYS_60 = "31-60"
    DAYS_90 = "61-90"
    OLDER = "90+"


class InvoiceView(WireModel):
    """An invoice as it is shown."""

    id: UUID
    object: Literal["invoice"] = "invoice"
    currency: str
    total_cents: int
    paid_cents: int
    credited_cents: int
    open_cents: int
    credit_cents: int
    status: InvoiceStatus
    due_at: Timestamp | None
    ageing: Ageing
    customer: str | None
    description: str | None
    lines: list[InvoiceLine]
    created_at: Timestamp
    updated_at: Timestamp


class InvoicePage(WireModel):
    """A page of invoices, newest first."""

    object: Literal["list"] = "list"
    data: list[InvoiceView]
    has_more: bool
    next_cursor: str | None


class EventStatus(StrEnum):
    """What became of an incoming event."""

    WAITING = "waiting"
    APPLIED = "applied"
    DEAD = "dead"
    REPAIRED = "repaired"
    DISCARDED = "discarded"


class PaymentEventView(WireModel):
    """An incoming event with what became of it; `job_id` is its dead letter."""

    event_id: UUID
    invoice_id: UUID
    amount_cents: int
    status: EventStatus
    applied_cents: int | None
    credit_cents: int | None
    attempts: int
    due_at: Timestamp
    error: str | None
    job_id: UUID | None
    repairs: UUID | None
    received_at: Timestamp
    applied_at: Timestamp | None
    raw: dict[str, Any]


class PaymentEventPage(WireModel):
    """A page of incoming events, newest first."""

    object: Literal["list"] = "list"
    data: list[PaymentEventView]
    has_more: bool
    next_cursor: str | None


class InvoiceEntry(WireModel):
    """One entry of the ledger that an invoice made."""

    id: str
    transaction_id: str
    account_id: str
    entry_type: str
    direction: str
    currency: str
    amount: str
    created_at: Timestamp


class InvoiceDetail(InvoiceView):
    """An invoice with its events in the order of arrival, its entries, and what may be done with it."""

    events: list[PaymentEventView]
    entries: list[InvoiceEntry]
    allowed_actions: list[str]


class GiveReason(WireModel):
    """Why an invoice is voided."""

    reason: Name | None = None


class CreditNote(GiveReason):
    """How much of the claim is given up; everything open where no amount is given."""

    amount_cents: Cents | None = None


class AmountAsked(WireModel):
    """An amount, or as much as possible where none is given."""

    amount_cents: Cents | None = None


class RefundCredit(AmountAsked):
    """Whose credit is given back."""

    customer: Name
    currency: Currency = "USD"


class CustomerCredit(WireModel):
    """A customer's credit in one currency."""

    customer: str
    currency: str
    credit_cents: int


class RepairEvent(WireModel):
    """How a dead event is put right: the fields to change in a copy of it, and why."""

    reason: Name
    invoice_id: UUID | None = None
    amount_cents: Cents | None = None
