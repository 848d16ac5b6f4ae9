"""Writes card payments as JSON by hand, once for the answer and for the key that replays it.

Must write exactly what `wire.cards.CardPaymentView` serialises to; a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from payments_schema.cards.lifecycle import CardPayment
from payments_schema.wire.cards import CardPaymentView

_FIELDS = tuple(CardPaymentView.model_fields)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def payment_members(payment: CardPayment) -> dict[str, Any]:
    """Return the payment as clients see it, ready for JSON."""
    return {
        "id": payment.id,
        "object": "payment",
        "kind": "card",
        "status": payment.status.value,
        "amount": payment.authorized_minor,
        "currency": payment.currency,
        "account_id": payment.account_id,
        "authorized_amount": payment.authorized_minor,
        "captured_amount": payment.captured_minor,
        "refunded_amount": payment.refunded_minor,
        "fee_amount": payment.fee_minor,
        "description": payment.description,
        "metadata": payment.metadata,
        "created_at": _time(payment.created_at),
        "updated_at": _time(payment.updated_at),
        "expires_at": _time(payment.expires_at),
    }


def payment_bytes(members: Mapping[str, Any]) -> bytes:
    """Return a payment, fresh or stored with its key, as a JSON object with its members in one order."""
    return _encode({name: members[name] for name in _FIELDS}).encode()
