"""What may happen to a wallet payment, and what follows from what a provider said. Pure.

Must not see a clock, a connection or a provider: time and verdicts are handed in, changes are handed back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from payments_schema.errors import InvalidAmount, PaymentNotFound
from payments_schema.money import Money
from payments_schema.wallets import movements
from payments_schema.wallets.model import CANCELLABLE as CANCELLABLE
from payments_schema.wallets.model import FINAL as FINAL
from payments_schema.wallets.model import Attempt as Attempt
from payments_schema.wallets.model import Change as Change
from payments_schema.wallets.model import Limits as Limits
from payments_schema.wallets.model import Transition as Transition
from payments_schema.wallets.model import WalletPayment as WalletPayment
from payments_schema.wallets.model import is_refundable as is_refundable
from payments_schema.wallets.model import reference_of as reference_of
from payments_schema.wallets.model import refusal as refusal
from payments_schema.wire.wallets import (
    AttemptState,
    InitiateWallet,
    Review,
    WalletDirection,
    WalletProvider,
    WalletStatus,
)

SYSTEM = "system"


def initiate(
    id: str,
    client: str,
    wanted: InitiateWallet,
    network: str,
    limits: Limits,
    now: datetime,
    traceparent: str | None,
) -> Change:
    """A new payment, due at once. Raises InvalidAmount outside the limits."""
    amount = wanted.money()
    if not limits.least_minor <= amount.minor <= limits.most_minor:
        least, most = (
            Money(minor, amount.currency).major() for minor in (limits.least_minor, limits.most_minor)
        )
        raise InvalidAmount(f"amount must be from {least} to {most} {amount.currency}")
    payment = WalletPayment(
        id=id,
        client=client,
        user_id=wanted.user_id,
        direction=wanted.direction,
        amount=amount,
        phone=wanted.recipient_phone,
        network=network,
        recipient_name=wanted.recipient_name,
        description=wanted.description,
        metadata=wanted.metadata,
        wanted_provider=wanted.provider,
        voucher=wanted.voucher,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=min(limits.timeout_s, wanted.expires_in_s or limits.timeout_s)),
        due_at=now,
        traceparent=traceparent,
    )
    first = Transition(None, WalletStatus.INITIATED, f"client {client}", "initiated", now)
    return Change(payment, is_new=True, transitions=[first])


def cancel(payment: WalletPayment, client: str, user_id: str | None, now: datetime) -> Change:
    """Cancel before it is with a provider. Raises PaymentNotFound for strangers, InvalidTransition later."""
    if payment.client != client or (payment.user_id is not None and payment.user_id != user_id):
        raise PaymentNotFound
    change = Change(payment)
    change.move(WalletStatus.CANCELLED, f"client {client}", "cancelled by its owner", now, due_at=None)
    return change


def decide_review(
    payment: WalletPayment, operator: str, approve: bool, reason: str, limits: Limits, now: datetime
) -> Change:
    """An operator lets a stopped payment go on, or ends it. Raises InvalidTransition when none is asked."""
    if payment.review is not Review.REQUIRED or payment.status is not WalletStatus.VALIDATING:
        raise refusal(payment, "reviewed")
    change = Change(replace(payment, review=Review.APPROVED if approve else Review.REJECTED))
    actor = f"operator {operator}"
    if approve:
        expires_at = now + timedelta(seconds=limits.timeout_s)
        change.move(WalletStatus.PENDING, actor, reason, now, due_at=now, expires_at=expires_at)
    else:
        _fail(change, "risk_rejected", reason, actor, now)
    return change


def give_voucher(payment: WalletPayment, voucher: str, now: datetime) -> Change:
    """Take the payer's code for the provider that waits for it. Raises InvalidTransition if none does."""
    attempt = payment.open_attempt()
    if attempt is None or attempt.state is not AttemptState.VOUCHER or payment.is_final:
        raise refusal(payment, "given a voucher")
    return Change(replace(payment, voucher=voucher, due_at=now, updated_at=now))


def refund(payment: WalletPayment, actor: str, reason: str, now: datetime) -> Change:
    """Send a collected amount back. Raises InvalidTransition where there is nothing to send back."""
    source = payment.succeeded()
    if not is_refundable(payment) or source is None:
        raise refusal(payment, "refunded")
    change = Change(payment)
    change.postings.append(movements.refund_reserved(payment.id, payment.owner, payment.amount))
    _open_refund(change, source, now)
    return change


def _open_refund(change: Change, source: Attempt, now: datetime) -> None:
    payment = change.payment
    reference = reference_of(payment.id, source.provider, "refund")
    attempt = Attempt("refund", 1, source.provider, reference, AttemptState.RESEND, source.fee_minor, now)
    change.put(attempt, due_at=now, updated_at=now)


def validate(change: Change, outcome: str, risk: Mapping[str, Any], limits: Limits, now: datetime) -> None:
    """Move a fresh payment on by what the risk rules found: allow, review or block."""
    change.move(WalletStatus.VALIDATING, SYSTEM, "checking", now, risk=risk)
    reasons = ", ".join(str(name) for name in risk.get("reasons", [])) or "no rule objects"
    if outcome == "block":
        _fail(change, "risk_blocked", reasons, SYSTEM, now)
    elif outcome == "review":
        waits_until = now + timedelta(seconds=limits.review_timeout_s)
        change.payment = replace(
            change.payment, review=Review.REQUIRED, expires_at=waits_until, due_at=waits_until
        )
    else:
        change.move(WalletStatus.PENDING, SYSTEM, reasons, now, due_at=now)


def dispatch(
    change: Change, provider: WalletProvider, fee_minor: int, decision: Mapping[str, Any], now: datetime
) -> Attempt:
    """Give the payment to a provider: from the commit of this on, it may have been sent.

    Raises InvalidTransition while another conversation is open.
    """
    payment = change.payment
    if payment.open_attempt() is not None or provider in payment.tried():
        raise refusal(payment, f"sent to {provider}")
    if payment.status is WalletStatus.PENDING:
        change.move(WalletStatus.PROCESSING, SYSTEM, f"sent to {provider}", now)
        if payment.direction is WalletDirection.DISBURSE:
            change.postings.append(movements.reserved(payment.id, payment.owner, payment.amount))
    attempt = Attempt(
        purpose="payment",
        number=1 + len(payment.tried()),
        provider=provider,
        reference=reference_of(payment.id, provider, "payment"),
        state=AttemptState.SENDING,
        fee_minor=fee_minor,
        created_at=now,
        sends=1,
    )
    change.put(attempt, provider=provider, routing=(*payment.routing, decision), updated_at=now)
    return attempt


def no_route(change: Change, decision: Mapping[str, Any], now: datetime) -> None:
    """No provider can carry it (any more)."""
    last = next((a for a in reversed(change.payment.attempts) if a.code), None)
    change.payment = replace(change.payment, routing=(*change.payment.routing, decision))
    code = last.code if last is not None and last.code else "no_route"
    _fail(change, code, str(decision["reason"]), SYSTEM, now)


def expire(change: Change, now: datetime) -> None:
    """End a payment whose time is over. A conversation still open goes on being asked about."""
    payment = change.payment
    if payment.status in CANCELLABLE or payment.open_attempt() is None:
        change.move(WalletStatus.EXPIRED, SYSTEM, "its time was over", now, due_at=None)
        _release(change)
    else:
        change.move(WalletStatus.EXPIRED, SYSTEM, "its time was over, outcome unknown", now)


@dataclass(frozen=True, slots=True)
class Success:
    """The provider has moved the money. fee_minor: None where it does not say."""

    provider_id: str | None = None
    fee_minor: int | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The provider has definitely not moved the money, and never will under this reference."""

    code: str
    may_try_others: bool
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class StillOpen:
    """Not definite yet: the state to note and when to go on."""

    state: AttemptState
    due_at: datetime
    code: str | None = None
    raw: str | None = None


Verdict = Success | Failure | StillOpen


def conclude(change: Change, reference: UUID, verdict: Verdict, limits: Limits, now: datetime) -> None:
    """Take in what is known of an attempt now. What is definite stays: a later word changes nothing."""
    attempt = next((a for a in change.payment.attempts if a.reference == reference), None)
    if attempt is None or not attempt.is_open:
        return
    match verdict:
        case StillOpen(state, due_at, code, raw):
            noted = replace(attempt, state=state, code=code, raw=raw or attempt.raw)
            change.put(noted, due_at=due_at, updated_at=now, voucher=None)
        case Failure(code, may_try_others, raw):
            failed = replace(
                attempt, state=AttemptState.FAILED, code=code, raw=raw or attempt.raw, resolved_at=now
            )
            change.put(failed, updated_at=now, due_at=None, voucher=None)
            _after_failure(change, failed, may_try_others, now)
        case Success(provider_id, fee_minor, raw):
            done = replace(
                attempt,
                state=AttemptState.SUCCEEDED,
                code=None,
                raw=raw or attempt.raw,
                provider_id=provider_id,
                fee_minor=attempt.fee_minor if fee_minor is None else fee_minor,
                resolved_at=now,
            )
            change.put(done, updated_at=now, due_at=None, voucher=None)
            _after_success(change, done, limits, now)


def _after_success(change: Change, done: Attempt, limits: Limits, now: datetime) -> None:
    payment = change.payment
    fee = Money(done.fee_minor, payment.amount.currency)
    if done.purpose == "refund":
        change.postings.append(movements.refund_paid(payment.id, done.provider, payment.amount, fee))
        if payment.status is WalletStatus.CONFIRMED:
            change.move(WalletStatus.REFUNDED, f"provider {done.provider}", "refunded", now)
        else:
            change.payment = replace(payment, late_outcome="refunded")
        return
    if payment.direction is WalletDirection.DISBURSE:
        change.postings.append(movements.disbursed(payment.id, done.provider, payment.amount, fee))
        if payment.status is WalletStatus.EXPIRED:
            change.payment = replace(payment, late_outcome="paid")
    elif payment.status is WalletStatus.EXPIRED and limits.late_rule == "refund":
        change.postings.append(movements.collected_late(payment.id, done.provider, payment.amount, fee))
        change.payment = replace(payment, late_outcome="refunding")
        _open_refund(change, done, now)
    else:
        to = payment.owner
        change.postings.append(movements.collected(payment.id, to, done.provider, payment.amount, fee))
        if payment.status is WalletStatus.EXPIRED:
            change.payment = replace(payment, late_outcome="credited")
    if change.payment.status is WalletStatus.PROCESSING:
        change.move(WalletStatus.CONFIRMED, f"provider {done.provider}", "confirmed by the provider", now)


def _after_failure(change: Change, failed: Attempt, may_try_others: bool, now: datetime) -> None:
    payment = change.payment
    if failed.purpose == "refund":
        # The money stays owed to the customer's account: visible, never lost.
        change.postings.append(movements.refund_returned(payment.id, payment.owner, payment.amount))
        if payment.late_outcome == "refunding":
            change.payment = replace(payment, late_outcome="credited")
    elif payment.status is WalletStatus.EXPIRED:
        change.payment = replace(payment, late_outcome="not_paid")
        _release(change)
    elif may_try_others:
        change.payment = replace(payment, due_at=now)
    else:
        _fail(change, failed.code or "failed", f"{failed.provider} refused: {failed.code}", SYSTEM, now)


def _fail(change: Change, code: str, reason: str, actor: str, now: datetime) -> None:
    change.move(
        WalletStatus.FAILED, actor, reason, now, failure_code=code, failure_reason=reason, due_at=None
    )
    _release(change)


def _release(change: Change) -> None:
    payment = change.payment
    if payment.direction is WalletDirection.DISBURSE and payment.attempts:
        change.postings.append(movements.released(payment.id, payment.owner, payment.amount))
