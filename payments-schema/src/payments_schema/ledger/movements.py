"""Which entries each step of a payment makes. Pure: sees no clock, no connection, no balance."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money


def direct_payment(
    payment_id: UUID, account_id: str, amount: Money, effective_at: datetime, discrepancy: Money | None = None
) -> Posting:
    """Credit the customer in full; what is in doubt waits in suspense until an operator resolves it.

    amount: positive. discrepancy: the part in doubt, at most the amount; the customer's entry comes first.
    """
    entries = [Entry(customer(account_id), CREDIT, amount)]
    certain = amount if discrepancy is None else amount - discrepancy
    if certain.minor:
        entries.append(Entry(platform("settlement_clearing"), DEBIT, certain))
    if discrepancy is not None:
        entries.append(Entry(platform("suspense"), DEBIT, discrepancy))
    return Posting("payment", str(payment_id), "reconciled", tuple(entries), effective_at)
