"""The events of wallet payments: what has happened, without telephone numbers. Must not decide anything."""

from __future__ import annotations

from payments_schema.events.store import NewEvent
from payments_schema.wallets.lifecycle import Change


def of(change: Change) -> list[NewEvent]:
    """One event per step, named after the state it led to: `wallet.confirmed`."""
    payment = change.payment
    data = {
        "amount": payment.amount.major(),
        "currency": payment.amount.currency,
        "direction": payment.direction.value,
        "provider": payment.provider,
        "failure_code": payment.failure_code,
    }
    told = [step for step in change.transitions if step.to_status not in ("VALIDATING", "PENDING")]
    facts = [NewEvent(f"wallet.{step.to_status.lower()}", payment.id, data) for step in told]
    if payment.late_outcome is not None and any(p.kind.startswith("wallet_") for p in change.postings):
        facts.append(NewEvent("wallet.late_outcome", payment.id, {**data, "outcome": payment.late_outcome}))
    return facts
