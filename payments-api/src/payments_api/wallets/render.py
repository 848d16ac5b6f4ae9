"""Shows wallet payments on the wire. Must not show a telephone number in clear, nor a voucher at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from payments_schema.money import major
from payments_schema.phones import masked
from payments_schema.wallets.lifecycle import Attempt, Transition, WalletPayment
from payments_schema.wallets.routing import FORMULAS
from payments_schema.wire.wallets import (
    AttemptState,
    AttemptView,
    RoutingDecision,
    RoutingView,
    TransitionView,
    WalletDetail,
    WalletView,
)


def view(payment: WalletPayment) -> WalletView:
    """A payment as its client sees it."""
    open_attempt = payment.open_attempt()
    last = payment.attempts[-1] if payment.attempts else None
    return WalletView(
        id=payment.id,
        transaction_id=payment.id,
        status=payment.status,
        direction=payment.direction,
        amount=payment.amount.major(),
        currency=payment.amount.currency,
        recipient_phone=masked(payment.phone),
        recipient_name=payment.recipient_name,
        provider=payment.provider or payment.wanted_provider,
        provider_reference=None if last is None else str(last.reference),
        review=payment.review,
        outcome_is_unknown=open_attempt is not None
        and open_attempt.state in (AttemptState.UNKNOWN, AttemptState.SENDING),
        awaits_voucher=open_attempt is not None and open_attempt.state is AttemptState.VOUCHER,
        failure_code=payment.failure_code,
        failure_reason=payment.failure_reason,
        late_outcome=payment.late_outcome,
        description=payment.description,
        metadata=dict(payment.metadata),
        user_id=payment.user_id,
        created_at=payment.created_at,
        updated_at=payment.updated_at,
        expires_at=payment.expires_at,
    )


def detail(payment: WalletPayment, trail: Sequence[Transition]) -> WalletDetail:
    """A payment with its conversations and its audit trail."""
    return WalletDetail(
        **dict(view(payment)),
        trace_id=payment.trace_id,
        attempts=[_attempt(attempt, payment.amount.currency) for attempt in payment.attempts],
        transitions=[
            TransitionView(
                from_status=step.from_status,
                to_status=step.to_status,
                actor=step.actor,
                reason=step.reason,
                at=step.at,
            )
            for step in trail
        ],
        risk=None if payment.risk is None else dict(payment.risk),
    )


def _attempt(attempt: Attempt, currency: str) -> AttemptView:
    return AttemptView(
        purpose=attempt.purpose,
        number=attempt.number,
        provider=attempt.provider,
        reference=str(attempt.reference),
        state=attempt.state,
        sends=attempt.sends,
        inquiries=attempt.inquiries,
        fee=major(attempt.fee_minor, currency),
        code=attempt.code,
        provider_transaction_id=attempt.provider_id,
        raw=attempt.raw,
        created_at=attempt.created_at,
        resolved_at=attempt.resolved_at,
    )


def routing(payment: WalletPayment) -> RoutingView:
    """Every routing decision of a payment, with the formulas that lead from its figures to its choice."""
    return RoutingView(
        payment_id=payment.id,
        provider=payment.provider,
        formulas=FORMULAS,
        decisions=[_decision(decision) for decision in payment.routing],
    )


def _decision(stored: Mapping[str, Any]) -> RoutingDecision:
    # What earlier versions kept besides is left out.
    return RoutingDecision(**{name: stored[name] for name in RoutingDecision.model_fields if name in stored})
