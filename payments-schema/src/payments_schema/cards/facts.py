"""The events that tell others what happened to a card payment. Pure; must not record them."""

from __future__ import annotations

from typing import Any, assert_never

from payments_schema.cards.lifecycle import (
    Authorized,
    Captured,
    Change,
    Expired,
    Refunded,
    Settled,
    Voided,
)
from payments_schema.events.store import NewEvent


def of(change: Change) -> NewEvent:
    """Return the fact of a change, amounts in minor units."""
    payment = change.payment
    topic, details = _told(change)
    sums = {
        "id": payment.id,
        "status": payment.status.value,
        "currency": payment.currency,
        "account_id": payment.account_id,
        "authorized_amount": payment.authorized_minor,
        "captured_amount": payment.captured_minor,
        "refunded_amount": payment.refunded_minor,
    }
    return NewEvent(topic, payment.id, sums | details)


def _told(change: Change) -> tuple[str, dict[str, Any]]:
    match change:
        case Authorized(payment):
            return "card.authorized", {"amount": payment.authorized_minor}
        case Captured(_, taken):
            return "card.captured", {
                "amount": taken.amount_minor,
                "fee_amount": taken.fee_minor,
                "capture": taken.number,
            }
        case Voided(_, released):
            return "card.voided", {"amount": released}
        case Expired(_, released):
            return "card.expired", {"amount": released}
        case Settled(_, paid, released):
            return "card.settled", {"amount": paid, "released_amount": released}
        case Refunded(_, refund, released):
            parts = [
                {"capture": p.capture, "merchant_amount": p.merchant_minor, "fee_amount": p.fee_minor}
                for p in refund.parts
            ]
            return "card.refunded", {
                "amount": refund.amount_minor,
                "fee_amount": refund.fee_minor,
                "released_amount": released,
                "refund": refund.number,
                "reason": refund.reason,
                "parts": parts,
            }
        case _:
            assert_never(change)
