"""Direct payments on the wire, in the words of the contract. Must not decide anything about them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from payments_schema.money import Money
from payments_schema.wire.model import CamelModel, MajorAmount, Timestamp, WireModel, money_of


class PaymentStatus(StrEnum):
    """pending until reconciled; then completed or failed, both final."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


PAYMENT_TRANSITIONS: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PENDING: frozenset({PaymentStatus.COMPLETED, PaymentStatus.FAILED}),
    PaymentStatus.COMPLETED: frozenset(),
    PaymentStatus.FAILED: frozenset(),
}


class ReconciliationStatus(StrEnum):
    """The verdict on a payment; the job that reached it is completed either way."""

    COMPLETED = "completed"
    COMPLETED_WITH_DISCREPANCY = "completed_with_discrepancy"
    FAILED = "failed"


def _printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("not_printable", "must consist of printable characters")
    return value


def _storable(value: str) -> str:
    # Postgres holds any text but this character; lone surrogates cannot be encoded at all.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise PydanticCustomError("not_storable", "must be text without NUL or lone surrogates")
    return value


AccountCode = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
Description = Annotated[str, Field(max_length=1000), AfterValidator(_storable)]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]


class CreatePayment(CamelModel):
    """What a client sends to make a payment; the amount has at most its currency's decimals, any sign."""

    account_id: AccountCode
    amount: MajorAmount = Field(examples=["250.00", 250])
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    description: Description | None = None

    @model_validator(mode="after")
    def _amount_fits_currency(self) -> Self:
        money_of(self.amount, self.currency)
        return self

    def money(self) -> Money:
        """The amount in minor units."""
        return money_of(self.amount, self.currency)


class CreateBatchItem(CreatePayment):
    """A payment of a batch; its key travels with it."""

    idempotency_key: IdempotencyKey


class BatchRequest(CamelModel):
    """Up to 1,000 payments. Each is read by itself (`CreateBatchItem`), so that a bad one fails alone."""

    payments: list[Any] = Field(min_length=1, max_length=1000)


class PaymentRow(WireModel):
    """A direct payment as clients see it; `amount` is a string with the currency's decimals."""

    id: UUID
    idempotency_key: str
    account_id: str
    amount: str
    currency: str
    status: PaymentStatus
    description: str | None
    created_at: Timestamp
    updated_at: Timestamp


class BatchResult(WireModel):
    """What became of one item: its HTTP status, and the payment or the problem."""

    status: int
    payment: PaymentRow | None = None
    error: dict[str, Any] | None = None


class BatchResponse(WireModel):
    """One result per item, in the order of the request."""

    results: list[BatchResult]


class Reconciliation(WireModel):
    """The verdict of the reconciliation; `discrepancy_amount` in major units."""

    id: int
    payment_id: UUID
    recon_job_id: int
    status: ReconciliationStatus
    matched: bool
    discrepancy_amount: str | None
    notes: str
    created_at: Timestamp


class PaymentDetail(WireModel):
    """A payment and its reconciliation, null as long as there is none."""

    payment: PaymentRow
    reconciliation: Reconciliation | None


class AccountBalance(CamelModel):
    """The posted balance of a customer's account, what of it is free, and how many entries made it."""

    account_id: str
    balance: str
    currency: str
    available: str
    pending: str
    version: int
