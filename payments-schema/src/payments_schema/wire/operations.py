"""Payments of every kind as operators see them, and the story of one. Must not hold a rule beyond shape."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from payments_schema.wire.ledger import LedgerTransaction
from payments_schema.wire.model import Timestamp, WireModel

ROWS_MAX = 200


class Kind(StrEnum):
    """Which lifecycle a payment follows."""

    DIRECT = "direct"
    CARD = "card"
    WALLET = "wallet"


class Order(StrEnum):
    """By when a payment was made."""

    NEWEST = "newest"
    OLDEST = "oldest"


class PaymentLine(WireModel):
    """A payment in a list, whatever its kind; `party` is whom it concerns, a telephone number masked."""

    id: str
    kind: Kind
    status: str
    amount: str
    currency: str
    party: str | None
    description: str | None
    created_at: Timestamp
    updated_at: Timestamp


class PaymentLines(WireModel):
    """A page of them; `next_cursor` leads on in the order that was asked for."""

    object: Literal["list"] = "list"
    data: list[PaymentLine]
    has_more: bool
    next_cursor: str | None


class StepKind(StrEnum):
    """What a step of a story is about."""

    REQUEST = "request"
    JOB = "job"
    VERDICT = "verdict"
    TRANSITION = "transition"
    ATTEMPT = "attempt"
    ROUTING = "routing"
    LEDGER = "ledger"
    EVENT = "event"
    DELIVERY = "delivery"


class Step(WireModel):
    """Something that happened to a payment; `facts` are named values, in words where words do."""

    at: Timestamp
    kind: StepKind
    title: str
    facts: dict[str, Any]


class Story(WireModel):
    """All that is known of a payment on one time axis, and what may be done with it now.

    `remaining_minor` says of each action how much it may at most be asked for, where it takes an amount.
    """

    payment: PaymentLine
    actions: list[str]
    remaining_minor: dict[str, int]
    steps: list[Step]
    transactions: list[LedgerTransaction]
