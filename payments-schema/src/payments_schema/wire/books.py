"""What operators read of the books and may ask of them. Must not know how either is done."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from payments_schema.wire.ledger import Direction
from payments_schema.wire.model import MajorAmount, Timestamp, WireModel


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("a reason is required")
    return text.strip()


Reason = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_said)]
"""Why an operator does it; goes into the audit trail as written."""


class Clock(StrEnum):
    """effective: when it happened; recorded: when we wrote it."""

    EFFECTIVE = "effective"
    RECORDED = "recorded"


class AccountView(WireModel):
    """A ledger account; balances in major units on its normal side, version counts its entries."""

    id: str
    kind: str
    code: str
    currency: str
    type: str
    normal_side: Direction
    posted: str
    available: str
    pending: str
    version: int
    created_at: Timestamp


class AccountPage(WireModel):
    """Accounts in the order they were made."""

    data: list[AccountView]
    has_more: bool
    next_cursor: str | None


class StatementLineView(WireModel):
    """One entry of an account with the posted balance it left behind."""

    version: int
    transaction_id: str
    reference: str
    kind: str
    direction: Direction
    amount: str
    currency: str
    balance_after: str
    is_pending: bool
    effective_at: Timestamp
    recorded_at: Timestamp


class Statement(WireModel):
    """Entries newest first; the cursor is the version of the last one shown."""

    account: AccountView
    data: list[StatementLineView]
    has_more: bool
    next_cursor: str | None


class PastBalance(WireModel):
    """What an account held at a moment, by the clock that was asked for."""

    account_id: str
    currency: str
    balance: str
    at: Timestamp
    clock: Clock


class TrialLineView(WireModel):
    """Posted debits and credits of one account of the chart; customers are one line."""

    account: str
    currency: str
    type: str
    debits: str
    credits: str


class TrialBalance(WireModel):
    """Balanced: in every currency the debits are the credits."""

    balanced: bool
    data: list[TrialLineView]


class ChartLineView(WireModel):
    """One account of the chart."""

    code: str
    type: str
    normal_side: Direction
    purpose: str


class Correction(WireModel):
    """A reason, and nothing else: the transaction says the rest."""

    reason: Reason


class AdjustmentAction(StrEnum):
    """resolve: the money was found; write_off: it is given up."""

    RESOLVE = "resolve"
    WRITE_OFF = "write_off"


class AdjustDifference(WireModel):
    """What to do about (a part of) a difference; all of what is open without an amount."""

    action: AdjustmentAction
    amount: MajorAmount | None = None
    reason: Reason


class AdjustmentView(WireModel):
    """What was done about a difference, by whom and why."""

    id: int
    payment_id: str
    action: AdjustmentAction
    amount: str
    currency: str
    reason: str
    actor: str
    transaction_id: str
    created_at: Timestamp


class DifferenceView(WireModel):
    """What still waits in suspense for a payment."""

    payment_id: str
    amount: str
    currency: str
    since: Timestamp


class DifferencePage(WireModel):
    """Open differences, oldest first."""

    data: list[DifferenceView]
    has_more: bool
    next_cursor: str | None


class ClosePeriod(WireModel):
    """Close everything before `until`."""

    until: Timestamp
    reason: Reason


class PeriodView(WireModel):
    """A boundary: nothing is dated before it any more."""

    closed_until: Timestamp
    closed_by: str
    reason: str
    closed_at: Timestamp


class JournalForm(StrEnum):
    """csv: a row an entry; jsonl: a line a transaction; beancount: plain-text accounting."""

    CSV = "csv"
    JSONL = "jsonl"
    BEANCOUNT = "beancount"
