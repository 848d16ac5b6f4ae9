"""The ledger on the wire: entries, statements, and whether all still adds up. Must not compute any."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from payments_schema.wire.model import Timestamp, WireModel


class Direction(StrEnum):
    """The side of an entry."""

    DEBIT = "debit"
    CREDIT = "credit"


class Phase(StrEnum):
    """Whether entries move posted balances or only what is held."""

    PENDING = "pending"
    POSTED = "posted"


class LedgerEntry(WireModel):
    """One debit or credit, amounts in major units."""

    id: str
    account: str
    direction: Direction
    amount: str
    currency: str
    balance_after: str


class LedgerTransaction(WireModel):
    """A balanced set of entries."""

    id: str
    reference: str
    kind: str
    phase: Phase
    effective_at: Timestamp
    recorded_at: Timestamp
    entries: list[LedgerEntry]


class PaymentEntry(WireModel):
    """An entry of a payment in minor units; `owner` is whose account it is, null for the platform's."""

    id: str
    account: str
    owner: str | None
    account_id: str
    direction: Direction
    amount: int
    currency: str
    balance_after: int


class PaymentTransaction(WireModel):
    """A posted step of a payment."""

    id: str
    kind: str
    step: str
    effective_at: Timestamp
    recorded_at: Timestamp
    entries: list[PaymentEntry]


class TAccount(WireModel):
    """One account of a payment as two columns; `balance` on its normal side, of this payment alone."""

    account: str
    owner: str | None
    currency: str
    normal_side: Direction
    debits: list[int]
    credits: list[int]
    debit_total: int
    credit_total: int
    balance: int


class IntegrityCheck(WireModel):
    """One check; offenders are named, at most the first hundred of them."""

    name: str
    ok: bool
    offenders: list[dict[str, Any]]


class Integrity(WireModel):
    """Whether the books add up, check by check."""

    ok: bool
    checks: list[IntegrityCheck]
