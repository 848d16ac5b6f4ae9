"""The two operations around a provider call: begin takes what is due, settle takes in the answer.

Must not call a provider: that happens between the two, with no transaction open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from payments_schema.errors import PostingRejected
from payments_schema.events import store as events
from payments_schema.ledger import store as ledger
from payments_schema.wallets import facts, lifecycle, store
from payments_schema.wallets.histories import histories
from payments_schema.wallets.lifecycle import Attempt, Change, WalletPayment
from payments_schema.wallets.risk import Asked
from payments_schema.wallets.routing import Wanted, route
from payments_schema.wire.wallets import AttemptState, Review, WalletDirection, WalletStatus
from psycopg import AsyncConnection

from recon_worker.wallets.desk import Desk
from recon_worker.wallets.providers.protocol import Observation, Order
from recon_worker.wallets.retries import decide

Connection = AsyncConnection[Any]
ROUTE_AGAIN = timedelta(seconds=2)


class Action(StrEnum):
    """What is to be said to the provider."""

    SEND = "send"
    INQUIRE = "inquire"
    VOUCHER = "voucher"


@dataclass(frozen=True, slots=True)
class Step:
    """One conversation to have. until: nothing may be sent later, since others may then take it over."""

    payment_id: str
    attempt: Attempt
    order: Order
    action: Action
    until: datetime


@dataclass(eq=False, slots=True)
class Result:
    """What the provider said, and how often it was asked."""

    step: Step
    observation: Observation
    inquiries: int


async def begin(
    conn: Connection, desk: Desk, now: datetime, *, lease: timedelta, limit: int
) -> tuple[list[Step], int]:
    """Take due payments, move each as far as it goes without a provider, and say what to do next.

    The second value is how many were taken: as many as the limit means that there may be more.
    """
    payments = await store.take_due(conn, now=now, limit=limit)
    fresh = [p for p in payments.values() if p.status is WalletStatus.INITIATED and now < p.expires_at]
    asked = await histories(conn, fresh, desk.rules)
    changes: list[Change] = []
    steps: list[Step] = []
    for payment in payments.values():
        change = Change(replace(payment, due_at=None))
        step = advance(change, desk, asked.get(payment.id), now, now + lease)
        if step is not None:
            change.payment = replace(change.payment, due_at=now + lease)
            steps.append(step)
        changes.append(change)
    await _write(conn, changes)
    return steps, len(payments)


def advance(change: Change, desk: Desk, asked: Asked | None, now: datetime, until: datetime) -> Step | None:
    """Decide one due payment: pure but for the change it writes into."""
    payment = change.payment
    if not payment.is_final and payment.status is not WalletStatus.CONFIRMED and now >= payment.expires_at:
        lifecycle.expire(change, now)
    elif payment.status is WalletStatus.INITIATED and asked is not None:
        verdict = desk.check(asked)
        lifecycle.validate(change, verdict.outcome, verdict.explained(), desk.limits, now)
    elif payment.status is WalletStatus.VALIDATING and payment.review is not Review.REQUIRED:
        change.move(WalletStatus.PENDING, lifecycle.SYSTEM, "checked", now)
    if change.payment.status is WalletStatus.VALIDATING:
        change.payment = replace(change.payment, due_at=change.payment.expires_at)
        return None
    attempt = change.payment.open_attempt()
    if attempt is None:
        if change.payment.status not in (WalletStatus.PENDING, WalletStatus.PROCESSING):
            return None
        attempt = _route(change, desk, now)
        return None if attempt is None else _step(change.payment, attempt, Action.SEND, until)
    return _continue(change, attempt, now, until)


def _route(change: Change, desk: Desk, now: datetime) -> Attempt | None:
    payment = change.payment
    wanted = Wanted(
        payment_id=payment.id,
        direction=payment.direction,
        amount_minor=payment.amount.minor,
        currency=payment.amount.currency,
        network=payment.network,
        provider=payment.wanted_provider,
        tried=payment.tried(),
    )
    chosen = route(wanted, desk.candidates(payment.amount.currency), desk.weights)
    decision = {**chosen.explained(), "at": now.isoformat()}
    if chosen.chosen is not None:
        return lifecycle.dispatch(change, chosen.chosen.provider, chosen.chosen.fee_minor, decision, now)
    if chosen.may_change:
        again = min(now + ROUTE_AGAIN, payment.expires_at)
        change.payment = replace(payment, due_at=again)
        if _is_news(payment, decision):
            change.payment = replace(change.payment, routing=(*payment.routing, decision))
    else:
        lifecycle.no_route(change, decision, now)
    return None


def _is_news(payment: WalletPayment, decision: dict[str, Any]) -> bool:
    """Whether a wait has another reason than the one noted last; the same one is noted once."""
    if not payment.routing:
        return True
    last = payment.routing[-1]
    return last["provider"] is not None or _exclusions(last) != _exclusions(decision)


def _exclusions(decision: Mapping[str, Any]) -> dict[str, str | None]:
    return {one["provider"]: one["excluded"] for one in decision["candidates"]}


def _continue(change: Change, attempt: Attempt, now: datetime, until: datetime) -> Step:
    payment = change.payment
    is_over = payment.is_final and attempt.purpose == "payment"
    if attempt.state is AttemptState.RESEND and not is_over:
        sent = replace(attempt, state=AttemptState.SENDING, sends=attempt.sends + 1)
        change.put(sent, updated_at=now)
        return _step(change.payment, sent, Action.SEND, until)
    if attempt.state is AttemptState.VOUCHER and payment.voucher is not None and not is_over:
        return _step(payment, attempt, Action.VOUCHER, until)
    # Also for `sending`: whoever sent it is gone, and the provider alone knows whether it arrived.
    return _step(payment, attempt, Action.INQUIRE, until)


def _step(payment: WalletPayment, attempt: Attempt, action: Action, until: datetime) -> Step:
    direction = WalletDirection.DISBURSE if attempt.purpose == "refund" else payment.direction
    order = Order(
        reference=attempt.reference,
        direction=direction,
        amount=payment.amount,
        phone=payment.phone,
        payment_id=payment.id,
        note=payment.description or f"Payment {payment.id}",
        voucher=payment.voucher,
        traceparent=payment.traceparent,
    )
    return Step(payment.id, attempt, order, action, until)


async def settle(
    conn: Connection, desk: Desk, results: Sequence[Result], now: datetime
) -> list[WalletPayment]:
    """Take in what providers said, each at most once; returns the payments as they are now."""
    payments = await store.lock(conn, [result.step.payment_id for result in results])
    changes = {id: Change(payment) for id, payment in payments.items()}
    for result in results:
        if (change := changes.get(result.step.payment_id)) is not None:
            take_in(change, result, desk, now)
    await _write(conn, list(changes.values()))
    return [change.payment for change in changes.values()]


def take_in(change: Change, result: Result, desk: Desk, now: datetime) -> None:
    """Apply one answer to a payment as it is now, which may have gone on since the question."""
    reference = result.step.attempt.reference
    attempt = next((a for a in change.payment.attempts if a.reference == reference), None)
    if attempt is None or not attempt.is_open:
        return
    counted = replace(attempt, inquiries=attempt.inquiries + result.inquiries)
    change.put(counted)
    is_payout = result.step.order.direction is WalletDirection.DISBURSE
    is_over = attempt.purpose == "payment" and (change.payment.is_final or now >= change.payment.expires_at)
    verdict = decide(
        result.observation, counted, is_payout=is_payout, is_over=is_over, policy=desk.policy, now=now
    )
    lifecycle.conclude(change, reference, verdict, desk.limits, now)
    payment = change.payment
    if not payment.is_final and payment.due_at is not None and payment.status is WalletStatus.PROCESSING:
        change.payment = replace(payment, due_at=min(payment.due_at, max(payment.expires_at, now)))


async def _write(conn: Connection, changes: Sequence[Change]) -> None:
    postings = [posting for change in changes for posting in change.postings]
    told = [fact for change in changes for fact in facts.of(change)]
    writes = store.writes(changes)
    # One round trip, with everything laid out before: the locks wait for the server alone.
    async with conn.pipeline():
        for statement, values in writes:
            await conn.execute(statement, values)
        await events.record_all(conn, told)
        posted = await ledger.post_many(conn, postings)
    for posting, outcome in zip(postings, posted, strict=True):
        if outcome.outcome == "rejected":
            raise PostingRejected(f"the ledger refused {posting.key}: {outcome.reason}")
