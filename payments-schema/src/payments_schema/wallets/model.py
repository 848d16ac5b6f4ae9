"""What a wallet payment is: its attempts, its audit trail, and a change that grows while it is decided. Pure.

Must not decide what may happen: lifecycle does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from payments_schema.errors import InvalidTransition
from payments_schema.ledger.posting import Posting
from payments_schema.money import Money
from payments_schema.wallets.movements import Purpose
from payments_schema.wire.wallets import (
    WALLET_TRANSITIONS,
    AttemptState,
    Review,
    WalletDirection,
    WalletProvider,
    WalletStatus,
)

_REFERENCES = UUID("4b7a2f0c-6d0e-5a53-9e6f-0a4a52d1c9e7")
LateRule = Literal["refund", "credit"]
DEFINITE = frozenset({AttemptState.SUCCEEDED, AttemptState.FAILED})
FINAL = frozenset(status for status, following in WALLET_TRANSITIONS.items() if not following)
CANCELLABLE = frozenset({WalletStatus.INITIATED, WalletStatus.VALIDATING, WalletStatus.PENDING})


def reference_of(payment_id: str, provider: WalletProvider, purpose: Purpose) -> UUID:
    """The one reference that this payment ever has with this provider, for sending, asking and resending."""
    return uuid5(_REFERENCES, f"{payment_id}/{provider}/{purpose}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a payment may be: amounts in minor units, times in seconds."""

    least_minor: int = 100
    most_minor: int = 5_000_000
    timeout_s: int = 300
    review_timeout_s: int = 86_400
    late_rule: LateRule = "refund"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One conversation with one provider under one reference."""

    purpose: Purpose
    number: int
    provider: WalletProvider
    reference: UUID
    state: AttemptState
    fee_minor: int
    created_at: datetime
    sends: int = 0
    inquiries: int = 0
    code: str | None = None
    raw: str | None = None
    provider_id: str | None = None
    resolved_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in DEFINITE


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the audit trail: who moved the payment, when, and why."""

    from_status: WalletStatus | None
    to_status: WalletStatus
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WalletPayment:
    """A payment to or from a wallet. due_at: when to look at it again, None: not before somebody acts."""

    id: str
    client: str
    user_id: str | None
    direction: WalletDirection
    amount: Money
    phone: str
    network: str
    recipient_name: str
    description: str | None
    metadata: Mapping[str, Any]
    wanted_provider: WalletProvider | None
    created_at: datetime
    expires_at: datetime
    updated_at: datetime
    status: WalletStatus = WalletStatus.INITIATED
    provider: WalletProvider | None = None
    review: Review | None = None
    risk: Mapping[str, Any] | None = None
    routing: tuple[Mapping[str, Any], ...] = ()
    failure_code: str | None = None
    failure_reason: str | None = None
    late_outcome: str | None = None
    voucher: str | None = None
    due_at: datetime | None = None
    traceparent: str | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def trace_id(self) -> str | None:
        """The trace that its request belongs to: in the message, at its providers, in logs."""
        parts = (self.traceparent or "").split("-")
        return parts[1] if len(parts) >= 4 else None

    @property
    def owner(self) -> str:
        """The code of the ledger account that pays or is paid."""
        return self.client if self.user_id is None else f"{self.client}/{self.user_id}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    def open_attempt(self) -> Attempt | None:
        """The conversation whose outcome is not definite; there is never more than one."""
        return next((attempt for attempt in self.attempts if attempt.is_open), None)

    def tried(self) -> frozenset[WalletProvider]:
        return frozenset(attempt.provider for attempt in self.attempts if attempt.purpose == "payment")

    def succeeded(self) -> Attempt | None:
        """The attempt that moved the money."""
        return next(
            (a for a in self.attempts if a.purpose == "payment" and a.state is AttemptState.SUCCEEDED), None
        )


@dataclass(slots=True)
class Change:
    """A payment as it is now, with the steps and postings that led there; grows while it is decided."""

    payment: WalletPayment
    is_new: bool = False
    transitions: list[Transition] = field(default_factory=list[Transition])
    postings: list[Posting] = field(default_factory=list[Posting])

    def move(self, to: WalletStatus, actor: str, reason: str, now: datetime, **changes: Any) -> None:
        """One step of the transition table. Raises InvalidTransition."""
        before = self.payment.status
        if to not in WALLET_TRANSITIONS[before]:
            raise refusal(self.payment, to.value)
        self.transitions.append(Transition(before, to, actor, reason, now))
        self.payment = replace(self.payment, status=to, updated_at=now, **changes)

    def put(self, attempt: Attempt, **changes: Any) -> None:
        """Write an attempt into the payment, in place of its former self."""
        others = [
            a for a in self.payment.attempts if (a.purpose, a.number) != (attempt.purpose, attempt.number)
        ]
        attempts = sorted([*others, attempt], key=lambda a: (a.created_at, a.purpose, a.number))
        self.payment = replace(self.payment, attempts=tuple(attempts), **changes)


def allowed_actions(payment: WalletPayment) -> list[str]:
    """What a client or operator may do now."""
    actions = ["cancel"] if payment.status in CANCELLABLE else []
    if payment.review is Review.REQUIRED and payment.status is WalletStatus.VALIDATING:
        actions.append("review")
    if is_refundable(payment):
        actions.append("refund")
    return actions


def refusal(payment: WalletPayment, wanted: str) -> InvalidTransition:
    """The error that says what this payment allows instead."""
    return InvalidTransition(
        f"A payment that is {payment.status} cannot become {wanted}",
        current_status=payment.status.value,
        allowed_actions=allowed_actions(payment),
    )


def is_refundable(payment: WalletPayment) -> bool:
    """Whether collected money may still be sent back: once confirmed, and asked for only once."""
    is_asked = any(attempt.purpose == "refund" for attempt in payment.attempts)
    return (
        payment.status is WalletStatus.CONFIRMED
        and payment.direction is WalletDirection.COLLECT
        and not is_asked
    )
