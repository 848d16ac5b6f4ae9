"""A second, naive telling of the card lifecycle that tests compare the real one with.

Must not be imported by a program, and must not import what it checks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor


@dataclass(slots=True)
class Oracle:
    """One card payment, told by plain sums; every verb answers "done", "conflict" or "too_large"."""

    authorized: int
    fee_bps: int
    hold: int = -1
    captures: list[int] = field(default_factory=list[int])
    refunds: list[int] = field(default_factory=list[int])
    paid: int = 0
    status: str = "authorized"

    def __post_init__(self) -> None:
        self.hold = self.authorized

    @property
    def captured(self) -> int:
        """Everything captured."""
        return sum(self.captures)

    @property
    def refunded(self) -> int:
        """Everything returned."""
        return sum(self.refunds)

    @property
    def fee(self) -> int:
        """The fee on everything captured."""
        return floor(Fraction(self.captured * self.fee_bps, 10_000))

    @property
    def fee_returned(self) -> int:
        """The fee's share of everything returned, to the nearest unit, halves to the merchant's part."""
        if not self.captures:
            return 0
        return ceil(Fraction(self.fee * self.refunded, self.captured) - Fraction(1, 2))

    @property
    def owed(self) -> int:
        """What the merchant is still to be paid."""
        return (self.captured - self.fee) - (self.refunded - self.fee_returned) - self.paid

    def balances(self) -> dict[str, int]:
        """Net debits that the payment must have left on the accounts of the chart."""
        returned_to_merchant = self.refunded - self.fee_returned
        net = {
            "customer_holds": self.hold,
            "customer_funds": -self.hold + self.captured - self.refunded,
            "merchant_payable": self.paid + returned_to_merchant - (self.captured - self.fee),
            "platform_fees": self.fee_returned - self.fee,
            "platform_cash": -self.paid,
        }
        return {account: amount for account, amount in net.items() if amount}

    def actions(self) -> list[str]:
        """What may be asked now."""
        named: list[str] = []
        if self.status in ("authorized", "captured") and self.hold:
            named += ["capture", "void"]
        if self.status in ("captured", "partially_refunded") and self.owed > 0:
            named.append("settle")
        if self.status in ("captured", "settled", "partially_refunded"):
            named.append("refund")
        return named

    def capture(self, amount: int | None) -> str:
        """Take a part of the hold."""
        if self.status not in ("authorized", "captured"):
            return "conflict"
        wanted = self.hold if amount is None else amount
        if wanted == 0 or wanted > self.hold:
            return "too_large"
        self.captures.append(wanted)
        self.hold -= wanted
        self.status = "captured"
        return "done"

    def void(self) -> str:
        """Give the hold back."""
        if "void" not in self.actions():
            return "conflict"
        self.hold = 0
        self.status = "captured" if self.captures else "voided"
        return "done"

    def lapse(self) -> None:
        """Give the hold back because its time is over."""
        if self.hold:
            self.hold = 0
            self.status = "captured" if self.captures else "expired"

    def settle(self) -> str:
        """Pay the merchant."""
        if "settle" not in self.actions():
            return "conflict"
        self.paid += self.owed
        self.hold = 0
        self.status = "settled"
        return "done"

    def refund(self, amount: int | None) -> str:
        """Return a part of what was captured."""
        if "refund" not in self.actions():
            return "conflict"
        left = self.captured - self.refunded
        wanted = left if amount is None else amount
        if wanted > left:
            return "too_large"
        self.refunds.append(wanted)
        self.hold = 0
        self.status = "refunded" if wanted == left else "partially_refunded"
        return "done"
