"""The simulated providers' own books: what they truly did, whatever their replies said.

Must not touch a clock, the network or a file: time is handed in, changes are told to a listener.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from devtools.simulators.outcomes import TARIFFS, Outcome, Tariff

Direction = Literal["collect", "disburse"]
State = Literal["PENDING", "VOUCHER", "SUCCESSFUL", "FAILED"]
PROVIDERS = ("mtn", "telecel", "airteltigo")
OPENING_MINOR = 100_000_000_000
VOUCHER_LASTS_S = 600.0


@dataclass(slots=True)
class Transfer:
    """One transfer as its provider knows it, under the reference that the caller chose."""

    provider: str
    reference: str
    direction: Direction
    amount_minor: int
    currency: str
    msisdn: str
    external_id: str
    note: str
    created_at: float
    state: State = "PENDING"
    reason: str | None = None
    fee_minor: int = 0
    financial_id: str = ""
    settled_at: float | None = None
    settles_at: float | None = None
    outcome_reason: str | None = None
    callback_url: str = ""

    @property
    def is_final(self) -> bool:
        return self.state in ("SUCCESSFUL", "FAILED")

    @property
    def effect_minor(self) -> int:
        """What it does to the float that the platform keeps at the provider."""
        if self.state != "SUCCESSFUL":
            return 0
        return (self.amount_minor if self.direction == "collect" else -self.amount_minor) - self.fee_minor


@dataclass(slots=True)
class Books:
    """All providers' transfers and float balances."""

    seed: int = 1
    opening_minor: int = OPENING_MINOR
    tariffs: dict[str, Tariff] = field(default_factory=lambda: dict(TARIFFS))
    tell: Callable[[Transfer], None] = lambda _: None
    _transfers: dict[tuple[str, str], Transfer] = field(default_factory=dict[tuple[str, str], Transfer])
    _balances: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _openings: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _due: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])

    def find(self, provider: str, reference: str) -> Transfer | None:
        return self._transfers.get((provider, reference))

    def open(self, wanted: Transfer, outcome: Outcome, settle_after_s: float) -> Transfer:
        """Take a new transfer; it settles at once, later or never as `outcome` says."""
        wanted.fee_minor = self.tariffs[wanted.provider].fee(wanted.amount_minor)
        wanted.financial_id = self._financial_id(wanted)
        wanted.outcome_reason = outcome.reason
        if outcome.settles_after_s is not None:
            wanted.settles_at = wanted.created_at + max(outcome.settles_after_s, settle_after_s)
            heapq.heappush(self._due, (wanted.settles_at, wanted.provider, wanted.reference))
        self._transfers[wanted.provider, wanted.reference] = wanted
        self.tell(wanted)
        return wanted

    def await_voucher(self, transfer: Transfer) -> None:
        """Hold the transfer until the payer's voucher or one-time code is given."""
        transfer.state = "VOUCHER"
        transfer.settles_at = transfer.created_at + VOUCHER_LASTS_S
        heapq.heappush(self._due, (transfer.settles_at, transfer.provider, transfer.reference))
        self.tell(transfer)

    def accept_voucher(self, transfer: Transfer, now: float) -> None:
        transfer.state = "PENDING"
        transfer.settles_at = now
        heapq.heappush(self._due, (now, transfer.provider, transfer.reference))
        self.tell(transfer)

    def advance(self, now: float) -> list[Transfer]:
        """Settle what is due by now, in the order of its time; gives back what was settled."""
        settled: list[Transfer] = []
        while self._due and self._due[0][0] <= now:
            due_at, provider, reference = heapq.heappop(self._due)
            transfer = self._transfers[provider, reference]
            if not transfer.is_final and transfer.settles_at == due_at:
                reason = "EXPIRED" if transfer.state == "VOUCHER" else transfer.outcome_reason
                self.settle(transfer, reason, due_at)
                settled.append(transfer)
        return settled

    def settle(self, transfer: Transfer, reason: str | None, at: float) -> None:
        """End a transfer in success (reason None) or failure. A final transfer is left as it is."""
        if transfer.is_final:
            return
        key = (transfer.provider, transfer.currency)
        needed = transfer.amount_minor + transfer.fee_minor
        if reason is None and transfer.direction == "disburse" and self.balance(*key) < needed:
            reason = "NOT_ENOUGH_FUNDS"
        transfer.state = "FAILED" if reason else "SUCCESSFUL"
        transfer.reason = reason
        transfer.settled_at = at
        transfer.settles_at = None
        self._balances[key] = self.balance(*key) + transfer.effect_minor
        self.tell(transfer)

    def next_due(self) -> float | None:
        return self._due[0][0] if self._due else None

    def balance(self, provider: str, currency: str) -> int:
        key = (provider, currency)
        return self._balances.get(key, self._openings.get(key, self.opening_minor))

    def set_balance(self, provider: str, currency: str, minor: int) -> None:
        """Give a provider another float, as a top-up or a withdrawal outside the platform would."""
        key = (provider, currency)
        self._openings[key] = self._openings.get(key, self.opening_minor) + minor - self.balance(*key)
        self._balances[key] = minor

    def statement(self, provider: str, since: float, until: float) -> list[Transfer]:
        """Successes settled in [since, until), oldest first."""
        rows = [
            transfer
            for (owner, _), transfer in self._transfers.items()
            if owner == provider and transfer.state == "SUCCESSFUL" and transfer.settled_at is not None
            if since <= transfer.settled_at < until
        ]
        return sorted(rows, key=lambda transfer: (transfer.settled_at or 0, transfer.reference))

    def put_back(self, record: dict[str, Any]) -> None:
        """Take one line of the journal again: the newest line of a transfer is its truth."""
        transfer = Transfer(**record)
        key = (transfer.provider, transfer.currency)
        before = self._transfers.get((transfer.provider, transfer.reference))
        gone = before.effect_minor if before else 0
        self._transfers[transfer.provider, transfer.reference] = transfer
        self._balances[key] = self.balance(*key) - gone + transfer.effect_minor
        if not transfer.is_final and transfer.settles_at is not None:
            heapq.heappush(self._due, (transfer.settles_at, transfer.provider, transfer.reference))

    def summary(self) -> dict[str, Any]:
        """The books as JSON: per provider and currency the balance, its change, and every transfer."""
        result: dict[str, Any] = {
            name: {"balances": {}, "changes": {}, "transfers": []} for name in PROVIDERS
        }
        for (provider, _), transfer in self._transfers.items():
            result[provider]["transfers"].append(asdict(transfer))
            key = (provider, transfer.currency)
            opening = self._openings.get(key, self.opening_minor)
            result[provider]["balances"][transfer.currency] = self.balance(*key)
            result[provider]["changes"][transfer.currency] = self.balance(*key) - opening
        return result

    def _financial_id(self, transfer: Transfer) -> str:
        digest = hashlib.blake2b(
            f"{self.seed}:{transfer.provider}:{transfer.reference}".encode(), digest_size=8
        ).digest()
        return str(int.from_bytes(digest, "big") % 10**12)
