"""What a number leads to: the sandbox's telephone numbers and the fees of the simulated providers.

Must not hold state: the same number gives the same outcome in every run.
"""

from __future__ import annotations

from dataclasses import dataclass

IMMEDIATE = 0.0
NEVER: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a transfer ends: after `settles_after_s` (None: it stays open) in success or with `reason`."""

    settles_after_s: float | None = IMMEDIATE
    reason: str | None = None

    @property
    def succeeds(self) -> bool:
        return self.settles_after_s is not None and self.reason is None


SUCCESS = Outcome()

# Keyed by the last seven digits, so that MTN's own sandbox numbers (46733123450 …) and Ghanaian ones
# (233 24 312 3450 …) lead to the same outcome with every provider.
SANDBOX: dict[str, Outcome] = {
    "3123450": Outcome(reason="INTERNAL_PROCESSING_ERROR"),
    "3123451": Outcome(reason="APPROVAL_REJECTED"),
    "3123452": Outcome(reason="EXPIRED"),
    "3123453": Outcome(settles_after_s=NEVER),
    "3123454": Outcome(settles_after_s=30.0),
    "3123457": Outcome(reason="NOT_ENOUGH_FUNDS"),
    "3123458": Outcome(settles_after_s=400.0),
    "3123459": Outcome(reason="PAYEE_NOT_FOUND"),
    "3123463": Outcome(settles_after_s=5.0),
}

# Numbers that only one provider cannot serve, so that another one is tried.
SANDBOX_AT: dict[tuple[str, str], Outcome] = {
    ("mtn", "3123464"): Outcome(reason="SERVICE_UNAVAILABLE"),
}

# Numbers that break the conversation instead of the payment: the knob that is turned fully up for them.
SANDBOX_FAULTS: dict[str, str] = {
    "3123455": "lose_reply",
    "3123456": "garbage",
    "3123460": "unknown_status",
    "3123461": "wrong_currency",
    "3123462": "refuse",
}


def outcome_of(provider: str, msisdn: str) -> Outcome:
    """The outcome that the sandbox's number stands for; any other number succeeds at once."""
    return SANDBOX_AT.get((provider, msisdn[-7:])) or SANDBOX.get(msisdn[-7:], SUCCESS)


def fault_of(msisdn: str) -> str | None:
    """The knob that this number turns up, if it is one of the faulty numbers."""
    return SANDBOX_FAULTS.get(msisdn[-7:])


@dataclass(frozen=True, slots=True)
class Tariff:
    """A provider's own fee on a transfer: fixed plus basis points, rounded up, at least and at most."""

    fixed_minor: int = 0
    bps: int = 0
    least_minor: int = 0
    most_minor: int | None = None

    def fee(self, amount_minor: int) -> int:
        fee = self.fixed_minor + -(-amount_minor * self.bps // 10_000)
        fee = max(fee, self.least_minor)
        return fee if self.most_minor is None else min(fee, self.most_minor)


TARIFFS: dict[str, Tariff] = {
    "mtn": Tariff(bps=75, most_minor=1_000),
    "telecel": Tariff(fixed_minor=10, bps=90, most_minor=1_500),
    "airteltigo": Tariff(bps=100, least_minor=5, most_minor=1_200),
}
