"""The verdict on a payment. Pure: sees an amount and nothing else.

Source: contract §3a, in its order: negative, zero, the discrepancy, everything else.
"""

from __future__ import annotations

from dataclasses import dataclass

from payments_schema.money import Money, exponent
from payments_schema.wire.payments import PaymentStatus, ReconciliationStatus


@dataclass(frozen=True, slots=True)
class Verdict:
    """What reconciliation says of a payment. discrepancy: the part in doubt, None where nothing is."""

    status: ReconciliationStatus
    matched: bool
    discrepancy: Money | None
    notes: str
    payment_status: PaymentStatus

    @property
    def is_posted(self) -> bool:
        """Whether the payment goes into the ledger, in full."""
        return self.payment_status is PaymentStatus.COMPLETED


NEGATIVE = Verdict(
    ReconciliationStatus.FAILED, False, None, "Negative amount not allowed", PaymentStatus.FAILED
)
ZERO = Verdict(ReconciliationStatus.FAILED, False, None, "Zero amount not allowed", PaymentStatus.FAILED)
MATCHED = Verdict(
    ReconciliationStatus.COMPLETED, True, None, "Successfully reconciled", PaymentStatus.COMPLETED
)


def reconcile(amount: Money) -> Verdict:
    """Judge an amount. Raises UnknownCurrency.

    A discrepancy is a part below one major unit of exactly 0.13, which a currency without decimals,
    or with a single one, cannot have.
    """
    if amount.minor < 0:
        return NEGATIVE
    if amount.minor == 0:
        return ZERO
    one_major = 10 ** exponent(amount.currency)
    in_doubt, rest = divmod(13 * one_major, 100)
    if rest == 0 and amount.minor % one_major == in_doubt:
        return Verdict(
            ReconciliationStatus.COMPLETED_WITH_DISCREPANCY,
            False,
            Money(in_doubt, amount.currency),
            "Discrepancy detected in amount",
            PaymentStatus.COMPLETED,
        )
    return MATCHED
