"""Every topic that the platform tells of: what it means, and the shape of its data.

Must not say who is told, nor hold a rule beyond shape. What a receiver could stumble over is a new version.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, create_model

from payments_schema.wire.model import Timestamp


class Fact(BaseModel):
    """What is told of a topic; receivers must bear members that they do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PaymentCreated(Fact):
    """A direct payment as it was asked for."""

    id: str
    account_id: str
    amount_minor: int
    currency: str
    description: str | None
    status: Literal["pending"]


class PaymentDecided(Fact):
    """What reconciliation made of a direct payment."""

    id: str
    status: Literal["completed", "failed"]
    reconciliation: Literal["completed", "completed_with_discrepancy", "failed"]
    matched: bool
    discrepancy_minor: int | None
    notes: str | None


class Card(Fact):
    """A card payment after a step, and the amount of that step."""

    id: str
    status: str
    currency: str
    account_id: str | None
    authorized_amount: int
    captured_amount: int
    refunded_amount: int
    amount: int


class CardCaptured(Card):
    """A capture, by its number, with its fee."""

    fee_amount: int
    capture: int


class CardSettled(Card):
    """What the merchant got, and what was released besides."""

    released_amount: int


class PartOfCardRefund(Fact):
    """Which capture a part of a refund takes back."""

    capture: int
    merchant_amount: int
    fee_amount: int


class CardRefunded(CardSettled):
    """A refund, by its number, with the captures that it takes back."""

    fee_amount: int
    refund: int
    reason: str | None
    parts: list[PartOfCardRefund]


class Wallet(Fact):
    """A wallet payment after a step; no telephone number."""

    amount: str
    currency: str
    direction: str
    provider: str | None
    failure_code: str | None


class WalletLateOutcome(Wallet):
    """What the provider said after the payment had ended here."""

    outcome: str


class Invoice(Fact):
    """An invoice after a step, with all its sums."""

    id: str
    status: Literal["sent", "partially_paid", "paid", "void"]
    currency: str
    customer: str | None
    total_cents: int
    paid_cents: int
    credited_cents: int
    credit_cents: int


class InvoicePaymentApplied(Invoice):
    """Where the money of one payment event went."""

    event_id: str
    amount_cents: int
    applied_cents: int
    became_credit_cents: int


class InvoiceCreditAllocated(Invoice):
    """How much credit paid."""

    amount_cents: int


class InvoiceCreditNoted(InvoiceCreditAllocated):
    """How much was given up, and why."""

    reason: str | None


class CustomerCreditRefunded(Fact):
    """How much credit went back."""

    customer: str
    currency: str
    amount_cents: int


class PaymentEventDead(Fact):
    """Which incoming event was given up, and why."""

    event_id: str
    invoice_id: str
    reason: str


class PaymentEventRepaired(Fact):
    """Who put which event right, how, and why."""

    by: str
    copied_to: str = Field(alias="copy")  # `copy` is a method of every model
    reason: str
    invoice_id: str | None = None
    amount_cents: int | None = None


class WebhookDisabled(Fact):
    """Which receiver is told nothing more, and why."""

    id: str
    url: str
    reason: str


class TransactionReversed(Fact):
    """Which transaction takes back which, by whom, and why."""

    transaction_id: str
    reverses: str
    reason: str
    actor: str


class PeriodClosed(Fact):
    """Until when the books are closed, by whom, and why."""

    closed_until: str
    reason: str
    actor: str


class Topic(NamedTuple):
    """What a topic means, what its subject is, and the shape of its data."""

    meaning: str
    subject: str
    data: type[Fact]
    version: int = 1


TOPICS: dict[str, Topic] = {
    "payment.created": Topic("A direct payment was taken.", "payment", PaymentCreated),
    "payment.completed": Topic("A direct payment was reconciled and posted.", "payment", PaymentDecided),
    "payment.failed": Topic("A direct payment was refused by reconciliation.", "payment", PaymentDecided),
    "card.authorized": Topic("Funds of a card are held.", "payment", Card),
    "card.captured": Topic("Held funds were taken, in part or whole.", "payment", CardCaptured),
    "card.voided": Topic("What was held is released.", "payment", Card),
    "card.expired": Topic("What was held too long is released.", "payment", Card),
    "card.settled": Topic("The merchant was paid.", "payment", CardSettled),
    "card.refunded": Topic("Captured funds went back, in part or whole.", "payment", CardRefunded),
    "wallet.initiated": Topic("A wallet payment was asked for.", "payment", Wallet),
    "wallet.processing": Topic("A wallet payment is with its provider.", "payment", Wallet),
    "wallet.confirmed": Topic("The provider has carried a wallet payment out.", "payment", Wallet),
    "wallet.failed": Topic("A wallet payment failed for good.", "payment", Wallet),
    "wallet.expired": Topic("A wallet payment took too long.", "payment", Wallet),
    "wallet.cancelled": Topic("A wallet payment was cancelled by who asked for it.", "payment", Wallet),
    "wallet.refunded": Topic("A wallet payment went back.", "payment", Wallet),
    "wallet.late_outcome": Topic(
        "The provider carried out what had been given up; it was made good.", "payment", WalletLateOutcome
    ),
    "invoice.created": Topic("An invoice was made and claimed.", "invoice", Invoice),
    "invoice.payment_applied": Topic(
        "A payment event counted for an invoice; what was not owed became credit.",
        "invoice",
        InvoicePaymentApplied,
    ),
    "invoice.credit_allocated": Topic(
        "Credit of the customer paid a part of an invoice.", "invoice", InvoiceCreditAllocated
    ),
    "invoice.credit_noted": Topic("A part of an invoice was given up.", "invoice", InvoiceCreditNoted),
    "invoice.paid": Topic("Nothing is owed on an invoice any more.", "invoice", Invoice),
    "invoice.voided": Topic(
        "An invoice was given up whole before anything was paid.", "invoice", InvoiceCreditNoted
    ),
    "customer_credit.refunded": Topic("Credit was given back.", "customer", CustomerCreditRefunded),
    "payment_event.dead": Topic("An incoming event was given up.", "incoming event", PaymentEventDead),
    "payment_event.repaired": Topic(
        "An edited copy takes the place of an event that had been given up.",
        "incoming event",
        PaymentEventRepaired,
    ),
    "webhook.disabled": Topic("A subscription is told nothing more.", "subscription", WebhookDisabled),
    "ledger.transaction_reversed": Topic(
        "A transaction of the ledger was taken back.", "transaction", TransactionReversed
    ),
    "ledger.period_closed": Topic("A period of the books was closed.", "end of the period", PeriodClosed),
}


def message_of(name: str) -> type[BaseModel]:
    """The body that receivers get of a topic: Standard Webhooks' type, timestamp and data, and ours."""
    topic = TOPICS[name]
    made: dict[str, Any] = {
        "id": (str, ...),
        "type": (Literal[name], ...),
        "version": (Literal[topic.version], ...),
        "timestamp": (Timestamp, ...),
        "subject": (str, ...),
        "data": (topic.data, ...),
    }
    title = "".join(part.title() for part in name.replace("_", ".").split(".")) + f"V{topic.version}"
    return create_model(title, __doc__=topic.meaning, **made)
