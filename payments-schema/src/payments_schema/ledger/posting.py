"""Postings: balanced by construction. Must not know accounts' numbers, balances or a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from payments_schema.errors import UnbalancedPosting
from payments_schema.money import MAX_MINOR, Money
from payments_schema.wire.ledger import Direction, Phase

DEBIT = Direction.DEBIT
CREDIT = Direction.CREDIT


class Account(NamedTuple):
    """A ledger account by name; with an entry's currency it is one row. Made on first use."""

    owner_kind: str
    code: str


def customer(code: str) -> Account:
    """The account of a customer of direct payments."""
    return Account("customer", code)


def chart_code(owner_kind: str, code: str) -> str:
    """Return the code of the chart that a ledger account belongs to."""
    return code if owner_kind == "platform" else owner_kind


def platform(code: str) -> Account:
    """One of our own accounts; the code stands in ledger.chart."""
    return Account("platform", code)


class Entry(NamedTuple):
    """One debit or credit of a positive amount."""

    account: Account
    direction: Direction
    amount: Money


@dataclass(frozen=True, slots=True)
class Posting:
    """A balanced set of entries, in the order they are to be shown.

    reference: what it belongs to (a payment's id); key: the step, taken once per reference; kind: what an
    accountant calls it. reverses: number of the transaction it takes back. Raises UnbalancedPosting.
    """

    kind: str
    reference: str
    key: str
    entries: tuple[Entry, ...]
    effective_at: datetime | None = None
    phase: Phase = Phase.POSTED
    reverses: int | None = None

    def __post_init__(self) -> None:
        if len(self.entries) < 2:
            raise UnbalancedPosting("a posting has at least two entries")
        sums: dict[str, int] = {}
        for _account, direction, amount in self.entries:
            minor, currency = amount.minor, amount.currency
            if not 0 < minor <= MAX_MINOR:
                raise UnbalancedPosting("an entry's amount is positive and fits 64 bits")
            sums[currency] = sums.get(currency, 0) + (minor if direction is DEBIT else -minor)
        off = [currency for currency, left in sums.items() if left]
        if off:
            raise UnbalancedPosting(f"debits and credits differ in {', '.join(off)}")

    def journal(self) -> str:
        """The posting as an accountant writes it; golden files hold exactly this."""
        width = max(len(entry.account.code) for entry in self.entries)
        lines = [f"{self.kind} {self.reference}" + (" (pending)" if self.phase is Phase.PENDING else "")]
        lines += [
            f"  {'Dr' if e.direction is DEBIT else 'Cr'} {e.account.code:<{width}}  {e.amount.major():>16} "
            f"{e.amount.currency}"
            for e in self.entries
        ]
        return "\n".join(lines) + "\n"
