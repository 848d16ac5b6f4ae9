"""Decides what may happen to a card payment, and the exact amounts when it does.

Must not see a clock, a connection or an account: time comes in as `now`, and what the ledger writes for
a change is decided in `movements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from payments_schema.errors import InvalidAmount, InvalidTransition
from payments_schema.money import apportion
from payments_schema.wire.cards import CardAction, CardStatus

WHOLE_BPS = 10_000
_CAPTURABLE = frozenset({CardStatus.AUTHORIZED, CardStatus.CAPTURED})
_REFUNDABLE = frozenset({CardStatus.CAPTURED, CardStatus.SETTLED, CardStatus.PARTIALLY_REFUNDED})
_SETTLEABLE = frozenset({CardStatus.CAPTURED, CardStatus.PARTIALLY_REFUNDED})

# The table of the contract (§3b): from → every status that an operation may leave behind.
TRANSITIONS: Mapping[CardStatus, frozenset[CardStatus]] = {
    CardStatus.AUTHORIZED: frozenset({CardStatus.CAPTURED, CardStatus.VOIDED, CardStatus.EXPIRED}),
    CardStatus.CAPTURED: frozenset(
        {CardStatus.CAPTURED, CardStatus.SETTLED, CardStatus.PARTIALLY_REFUNDED, CardStatus.REFUNDED}
    ),
    CardStatus.SETTLED: frozenset({CardStatus.PARTIALLY_REFUNDED, CardStatus.REFUNDED}),
    CardStatus.PARTIALLY_REFUNDED: frozenset(
        {CardStatus.PARTIALLY_REFUNDED, CardStatus.REFUNDED, CardStatus.SETTLED}
    ),
    CardStatus.VOIDED: frozenset(),
    CardStatus.EXPIRED: frozenset(),
    CardStatus.REFUNDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Capture:
    """One taking of held funds: what the merchant and the platform got, and what each has returned."""

    number: int
    amount_minor: int
    fee_minor: int
    merchant_returned_minor: int = 0
    fee_returned_minor: int = 0

    @property
    def merchant_left_minor(self) -> int:
        """What the merchant got from this capture and has not returned."""
        return self.amount_minor - self.fee_minor - self.merchant_returned_minor

    @property
    def fee_left_minor(self) -> int:
        """What the platform kept of this capture and has not returned."""
        return self.fee_minor - self.fee_returned_minor


@dataclass(frozen=True, slots=True)
class RefundPart:
    """What one refund takes back from one capture."""

    capture: int
    merchant_minor: int
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Refund:
    """One return of captured funds; its parts sum to its amounts."""

    number: int
    merchant_minor: int
    fee_minor: int
    parts: tuple[RefundPart, ...]
    reason: str | None = None

    @property
    def amount_minor(self) -> int:
        """What the customer gets back."""
        return self.merchant_minor + self.fee_minor


@dataclass(frozen=True, slots=True)
class CardPayment:
    """A card payment with its sums in minor units; `captures` is in order and complete."""

    id: str
    client: str
    account_id: str | None
    currency: str
    status: CardStatus
    authorized_minor: int
    fee_bps: int
    description: str | None
    metadata: Mapping[str, object]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    captured_minor: int = 0
    fee_minor: int = 0
    released_minor: int = 0
    refunded_minor: int = 0
    fee_refunded_minor: int = 0
    settled_minor: int = 0
    refunds: int = 0
    captures: tuple[Capture, ...] = ()

    @property
    def held_minor(self) -> int:
        """What is still held: neither captured nor released."""
        return self.authorized_minor - self.captured_minor - self.released_minor

    @property
    def refundable_minor(self) -> int:
        """What was captured and has not been returned."""
        return self.captured_minor - self.refunded_minor

    @property
    def owed_minor(self) -> int:
        """What the merchant is still to be paid; negative where he was paid and then refunded."""
        kept = self.captured_minor - self.fee_minor
        returned = self.refunded_minor - self.fee_refunded_minor
        return kept - returned - self.settled_minor


@dataclass(frozen=True, slots=True)
class Authorized:
    """Funds were put on hold."""

    payment: CardPayment


@dataclass(frozen=True, slots=True)
class Captured:
    """A part of the hold, or all of it, was taken."""

    payment: CardPayment
    capture: Capture


@dataclass(frozen=True, slots=True)
class Voided:
    """What was still held was given back on request."""

    payment: CardPayment
    released_minor: int


@dataclass(frozen=True, slots=True)
class Expired:
    """What was still held was given back because nobody took it in time."""

    payment: CardPayment
    released_minor: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The merchant was paid what he was owed; what was still held was given back."""

    payment: CardPayment
    paid_minor: int
    released_minor: int


@dataclass(frozen=True, slots=True)
class Refunded:
    """Captured funds went back to the customer; what was still held was given back too."""

    payment: CardPayment
    refund: Refund
    released_minor: int


Change: TypeAlias = Authorized | Captured | Voided | Expired | Settled | Refunded


def fee_on(captured_minor: int, fee_bps: int) -> int:
    """Return the fee on all that was captured so far, rounded down: splitting a capture changes nothing."""
    return captured_minor * fee_bps // WHOLE_BPS


def allowed_actions(payment: CardPayment) -> tuple[CardAction, ...]:
    """Name what may be asked of the payment now, in the order of a payment's life."""
    held = payment.held_minor > 0
    allowed: list[CardAction] = []
    if payment.status in _CAPTURABLE and held:
        allowed += [CardAction.CAPTURE, CardAction.VOID]
    if payment.status in _SETTLEABLE and payment.owed_minor > 0:
        allowed.append(CardAction.SETTLE)
    if payment.status in _REFUNDABLE:
        allowed.append(CardAction.REFUND)
    return tuple(allowed)


def is_overdue(payment: CardPayment, now: datetime) -> bool:
    """Say whether the payment holds funds that it may no longer hold."""
    return payment.held_minor > 0 and now >= payment.expires_at


def authorize(
    *,
    id: str,
    client: str,
    account_id: str | None,
    currency: str,
    amount_minor: int,
    fee_bps: int,
    description: str | None,
    metadata: Mapping[str, object],
    now: datetime,
    hold_for: timedelta,
) -> Authorized:
    """Hold the funds of a new payment; its fee rate stays what it is now, so that later captures add up."""
    return Authorized(
        CardPayment(
            id=id,
            client=client,
            account_id=account_id,
            currency=currency,
            status=CardStatus.AUTHORIZED,
            authorized_minor=amount_minor,
            fee_bps=fee_bps,
            description=description,
            metadata=metadata,
            created_at=now,
            updated_at=now,
            expires_at=now + hold_for,
        )
    )


def capture(payment: CardPayment, amount_minor: int | None, now: datetime) -> Captured:
    """Take a part of what is held, or all of it where no amount is given.

    Raises InvalidTransition, and InvalidAmount for more than is held (also when nothing is).
    """
    held = payment.held_minor
    if payment.status not in _CAPTURABLE:
        raise _refused(payment, "captured")
    amount = held if amount_minor is None else amount_minor
    if held == 0 or amount > held:
        raise _too_large("capture", held)
    captured = payment.captured_minor + amount
    fee = fee_on(captured, payment.fee_bps) - payment.fee_minor
    taken = Capture(len(payment.captures) + 1, amount, fee)
    after = replace(
        payment,
        status=CardStatus.CAPTURED,
        captured_minor=captured,
        fee_minor=payment.fee_minor + fee,
        captures=(*payment.captures, taken),
        updated_at=now,
    )
    return Captured(after, taken)


def void(payment: CardPayment, now: datetime) -> Voided:
    """Give back what is still held; a payment of which a part was captured stays captured.

    Raises InvalidTransition, also when nothing is held any more.
    """
    if payment.status not in _CAPTURABLE or payment.held_minor == 0:
        raise _refused(payment, "voided")
    status = CardStatus.CAPTURED if payment.captured_minor else CardStatus.VOIDED
    return Voided(_released(payment, status, now), payment.held_minor)


def lapse(payment: CardPayment, now: datetime) -> Expired | None:
    """Give back what is held past its time; None where nothing is."""
    if not is_overdue(payment, now):
        return None
    status = CardStatus.CAPTURED if payment.captured_minor else CardStatus.EXPIRED
    return Expired(_released(payment, status, now), payment.held_minor)


def settle(payment: CardPayment, now: datetime) -> Settled:
    """Pay the merchant what he is owed and give back what is still held.

    Raises InvalidTransition, also when nothing is owed.
    """
    owed = payment.owed_minor
    if payment.status not in _SETTLEABLE:
        raise _refused(payment, "settled")
    if owed <= 0:
        raise _refused(payment, "settled: nothing is owed to the merchant")
    after = replace(_released(payment, CardStatus.SETTLED, now), settled_minor=payment.settled_minor + owed)
    return Settled(after, owed, payment.held_minor)


def refund(payment: CardPayment, amount_minor: int | None, reason: str | None, now: datetime) -> Refunded:
    """Return captured funds, all that is left where no amount is given, and give back what is still held.

    Raises InvalidTransition, and InvalidAmount for more than is left.
    """
    left = payment.refundable_minor
    if payment.status not in _REFUNDABLE:
        raise _refused(payment, "refunded")
    amount = left if amount_minor is None else amount_minor
    if amount > left:
        raise _too_large("refund", left)
    returned = trace(payment, amount, reason)
    status = CardStatus.REFUNDED if amount == left else CardStatus.PARTIALLY_REFUNDED
    after = replace(
        _released(payment, status, now),
        refunded_minor=payment.refunded_minor + amount,
        fee_refunded_minor=payment.fee_refunded_minor + returned.fee_minor,
        refunds=returned.number,
        captures=_less(payment.captures, returned.parts),
    )
    return Refunded(after, returned, payment.held_minor)


def trace(payment: CardPayment, amount_minor: int, reason: str | None = None) -> Refund:
    """Say which part of which capture a refund returns; nothing is lost and nothing returned twice.

    The fee returned so far is always the fee's share of everything returned so far, so it does not matter
    into how many refunds a sum is split; over the captures both parts go by what each has left.
    """
    returned_after = payment.refunded_minor + amount_minor
    _, fee_after = apportion(returned_after, [payment.captured_minor - payment.fee_minor, payment.fee_minor])
    fee = fee_after - payment.fee_refunded_minor
    merchants = _spread(amount_minor - fee, [one.merchant_left_minor for one in payment.captures])
    fees = _spread(fee, [one.fee_left_minor for one in payment.captures])
    parts = tuple(
        RefundPart(one.number, merchant, share)
        for one, merchant, share in zip(payment.captures, merchants, fees, strict=True)
        if merchant or share
    )
    return Refund(payment.refunds + 1, amount_minor - fee, fee, parts, reason)


def _spread(total_minor: int, left: list[int]) -> list[int]:
    return apportion(total_minor, left) if total_minor else [0] * len(left)


def _less(captures: tuple[Capture, ...], parts: tuple[RefundPart, ...]) -> tuple[Capture, ...]:
    taken = {part.capture: part for part in parts}
    return tuple(
        replace(
            one,
            merchant_returned_minor=one.merchant_returned_minor + taken[one.number].merchant_minor,
            fee_returned_minor=one.fee_returned_minor + taken[one.number].fee_minor,
        )
        if one.number in taken
        else one
        for one in captures
    )


def _released(payment: CardPayment, status: CardStatus, now: datetime) -> CardPayment:
    released = payment.released_minor + payment.held_minor
    return replace(payment, status=status, released_minor=released, updated_at=now)


def _refused(payment: CardPayment, what: str) -> InvalidTransition:
    return InvalidTransition(
        f"A payment that is {payment.status} cannot be {what}",
        current_status=payment.status,
        allowed_actions=allowed_actions(payment),
    )


def _too_large(what: str, remaining: int) -> InvalidAmount:
    detail = (
        f"No more than {remaining} remains for a {what}" if remaining else f"Nothing remains for a {what}"
    )
    return InvalidAmount(detail, remaining=remaining, remaining_amount=remaining)
