"""Every move of a card payment: allowed, refused, and to the unit. Pure; must not touch a database."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payments_schema.cards import lifecycle
from payments_schema.cards.lifecycle import TRANSITIONS, CardPayment
from payments_schema.errors import InvalidAmount, InvalidTransition
from payments_schema.wire.cards import CardAction, CardStatus

NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
WEEK = timedelta(days=7)


def a_payment(
    status: CardStatus = CardStatus.AUTHORIZED,
    *,
    amount: int = 1000,
    captured: int | None = None,
    bps: int = 300,
) -> CardPayment:
    """A payment brought into `status` by the moves that lead there."""
    payment = lifecycle.authorize(
        id="pay_1",
        client="c",
        account_id=None,
        currency="USD",
        amount_minor=amount,
        fee_bps=bps,
        description=None,
        metadata={},
        now=NOW,
        hold_for=WEEK,
    ).payment
    if status is CardStatus.AUTHORIZED:
        return payment
    if status is CardStatus.VOIDED:
        return lifecycle.void(payment, NOW).payment
    if status is CardStatus.EXPIRED:
        lapsed = lifecycle.lapse(payment, NOW + WEEK)
        assert lapsed
        return lapsed.payment
    taken = lifecycle.capture(payment, captured, NOW).payment
    if status is CardStatus.CAPTURED:
        return taken
    if status is CardStatus.SETTLED:
        return lifecycle.settle(taken, NOW).payment
    if status is CardStatus.PARTIALLY_REFUNDED:
        return lifecycle.refund(taken, 100, None, NOW).payment
    return lifecycle.refund(taken, None, None, NOW).payment


def act(payment: CardPayment, action: CardAction) -> CardPayment:
    match action:
        case CardAction.CAPTURE:
            return lifecycle.capture(payment, None, NOW).payment
        case CardAction.VOID:
            return lifecycle.void(payment, NOW).payment
        case CardAction.SETTLE:
            return lifecycle.settle(payment, NOW).payment
        case CardAction.REFUND:
            return lifecycle.refund(payment, None, None, NOW).payment


@pytest.mark.parametrize(("status", "action"), list(itertools.product(CardStatus, CardAction)))
@pytest.mark.parametrize("captured", [None, 600])
def test_every_action_in_every_status(status: CardStatus, action: CardAction, captured: int | None) -> None:
    payment = a_payment(status, captured=captured)
    allowed = lifecycle.allowed_actions(payment)
    if action in allowed:
        after = act(payment, action)
        assert after.status in TRANSITIONS[status]
        return
    if (
        action is CardAction.CAPTURE and status is CardStatus.CAPTURED
    ):  # all is captured: an amount, not a move
        with pytest.raises(InvalidAmount) as too_large:
            act(payment, action)
        assert too_large.value.extra["remaining"] == 0
        return
    with pytest.raises(InvalidTransition) as refused:
        act(payment, action)
    assert refused.value.extra == {"current_status": status, "allowed_actions": list(allowed)}


def test_allowed_actions_in_the_order_of_a_life() -> None:
    assert lifecycle.allowed_actions(a_payment()) == ("capture", "void")
    assert lifecycle.allowed_actions(a_payment(CardStatus.CAPTURED, captured=1)) == (
        "capture",
        "void",
        "settle",
        "refund",
    )
    assert lifecycle.allowed_actions(a_payment(CardStatus.CAPTURED)) == ("settle", "refund")
    assert lifecycle.allowed_actions(a_payment(CardStatus.SETTLED)) == ("refund",)
    for final in (CardStatus.VOIDED, CardStatus.EXPIRED, CardStatus.REFUNDED):
        assert lifecycle.allowed_actions(a_payment(final)) == ()
        assert TRANSITIONS[final] == frozenset()


def test_more_than_is_held_is_refused_with_what_remains() -> None:
    with pytest.raises(InvalidAmount) as refused:
        lifecycle.capture(a_payment(CardStatus.CAPTURED, captured=600), 401, NOW)
    assert refused.value.extra["remaining"] == 400
    with pytest.raises(InvalidAmount) as refused:
        lifecycle.refund(a_payment(CardStatus.PARTIALLY_REFUNDED), 901, None, NOW)
    assert refused.value.extra["remaining"] == 900


def test_void_after_a_partial_capture_releases_the_rest_and_stays_captured() -> None:
    voided = lifecycle.void(a_payment(CardStatus.CAPTURED, captured=600), NOW)
    assert (voided.released_minor, voided.payment.status, voided.payment.held_minor) == (400, "captured", 0)
    with pytest.raises(InvalidAmount):
        lifecycle.capture(voided.payment, 1, NOW)
    with pytest.raises(InvalidTransition):
        lifecycle.void(voided.payment, NOW)


@pytest.mark.parametrize("action", [CardAction.SETTLE, CardAction.REFUND])
def test_settle_and_refund_release_the_rest(action: CardAction) -> None:
    payment = a_payment(CardStatus.CAPTURED, captured=600)
    assert act(payment, action).held_minor == 0


def test_expiry_of_an_authorization_and_of_a_rest() -> None:
    payment = a_payment()
    assert lifecycle.lapse(payment, NOW + WEEK - timedelta(microseconds=1)) is None
    expired = lifecycle.lapse(payment, NOW + WEEK)
    assert expired and (expired.payment.status, expired.released_minor) == ("expired", 1000)
    rest = lifecycle.lapse(a_payment(CardStatus.CAPTURED, captured=600), NOW + WEEK)
    assert rest and (rest.payment.status, rest.released_minor) == ("captured", 400)
    assert lifecycle.lapse(rest.payment, NOW + WEEK) is None


def test_settle_of_a_partially_refunded_payment_pays_what_remains_once() -> None:
    settled = lifecycle.settle(a_payment(CardStatus.PARTIALLY_REFUNDED), NOW)
    assert settled.paid_minor == (1000 - 30) - (100 - 3)
    refunded = lifecycle.refund(settled.payment, 100, None, NOW).payment
    assert (refunded.status, refunded.owed_minor) == ("partially_refunded", -97)
    with pytest.raises(InvalidTransition, match="nothing is owed"):
        lifecycle.settle(refunded, NOW)


def test_settle_with_everything_taken_as_fee_owes_nothing() -> None:
    with pytest.raises(InvalidTransition, match="nothing is owed"):
        lifecycle.settle(a_payment(CardStatus.CAPTURED, bps=10_000), NOW)


def test_splitting_a_capture_leaks_no_fee() -> None:
    whole = a_payment(CardStatus.CAPTURED, amount=999)
    split = a_payment(amount=999)
    for _ in range(333):
        split = lifecycle.capture(split, 3, NOW).payment
    assert split.fee_minor == whole.fee_minor == 29
    assert sum(one.fee_minor for one in split.captures) == 29
    assert [one.number for one in split.captures] == list(range(1, 334))


def test_splitting_a_refund_returns_the_same_parts() -> None:
    captured = a_payment(CardStatus.CAPTURED)
    whole = lifecycle.refund(captured, 500, None, NOW).payment
    split = captured
    for _ in range(500):
        split = lifecycle.refund(split, 1, None, NOW).payment
    assert (split.refunded_minor, split.fee_refunded_minor) == (500, 15)
    assert replace(split, refunds=1) == whole


def test_a_refund_names_every_part_it_returns() -> None:
    payment = a_payment()
    for amount in (500, 300, 200):
        payment = lifecycle.capture(payment, amount, NOW).payment
    refunded = lifecycle.refund(payment, 333, "broken", NOW)
    parts = refunded.refund.parts
    assert [(p.capture, p.merchant_minor, p.fee_minor) for p in parts] == [
        (1, 161, 5),
        (2, 97, 3),
        (3, 65, 2),
    ]
    assert sum(p.merchant_minor + p.fee_minor for p in parts) == 333 == refunded.refund.amount_minor
    rest = lifecycle.refund(refunded.payment, None, None, NOW).payment
    assert all(one.merchant_left_minor == one.fee_left_minor == 0 for one in rest.captures)
