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


class CurrencyFigures(WireModel):
    """Direct payments of one currency: how many, how much in major units, and how they ended."""

    currency: str
    count: int
    volume: str
    completed: int
    failed: int
    pending: int
    discrepancies: int


class MinuteFigure(WireModel):
    """How many payments were made in one minute."""

    at: Timestamp
    count: int


class Overview(WireModel):
    """The last hour. `truncated` says that only its latest payments were counted."""

    since: Timestamp
    truncated: bool
    currencies: list[CurrencyFigures]
    minutes: list[MinuteFigure]
    latency_p50_ms: int | None
    latency_p95_ms: int | None


class QueueFigures(WireModel):
    """One queue: what waits, what runs, what was given up, and how old the oldest waiting message is."""

    name: str
    ready: int
    scheduled: int
    running: int
    dead: int
    oldest_s: int


class WorkerFigures(WireModel):
    """A worker and when it was last heard of."""

    name: str
    seen_at: Timestamp
    alive: bool


class ScheduleFigures(WireModel):
    """Work that comes around by itself, and who did it last."""

    name: str
    last_slot: Timestamp
    claimed_by: str | None
    claimed_at: Timestamp


class Queues(WireModel):
    """Everything about the queue but its messages."""

    queues: list[QueueFigures]
    workers: list[WorkerFigures]
    schedules: list[ScheduleFigures]
