"""Writes payments as JSON by hand: on the hot path a model's serialisation would cost more than its SQL.

Must write exactly what `wire.payments.PaymentRow` serialises to; a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from payments_schema.money import major
from payments_schema.payments.store import Payment

_quote = json.JSONEncoder(ensure_ascii=False).encode


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def payment_text(payment: Payment) -> str:
    """One payment row as a JSON object."""
    amount = major(payment.amount_minor, payment.currency)
    description = "null" if payment.description is None else _quote(payment.description)
    created = _time(payment.created_at)
    updated = created if payment.updated_at is payment.created_at else _time(payment.updated_at)
    return (
        f'{{"id":"{payment.id}","idempotency_key":{_quote(payment.idempotency_key)},'
        f'"account_id":{_quote(payment.account_id)},"amount":"{amount}",'
        f'"currency":"{payment.currency}","status":"{payment.status}","description":{description},'
        f'"created_at":"{created}","updated_at":"{updated}"}}'
    )


def payments_bytes(payments: Iterable[Payment]) -> bytes:
    """Payments as a bare JSON array, in their order."""
    return f"[{','.join(map(payment_text, payments))}]".encode()
