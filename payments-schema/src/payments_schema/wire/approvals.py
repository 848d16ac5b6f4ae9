"""Requests that wait for a second person, on the wire. Must not hold a rule beyond shape."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from payments_schema.wire.books import Reason
from payments_schema.wire.model import MajorAmount, Timestamp, WireModel


class ApprovalKind(StrEnum):
    """What is asked for; the subject is the payment's id, of credit its currency and customer: `USD:Ama`."""

    CARD_REFUND = "card_refund"
    WALLET_REFUND = "wallet_refund"
    WRITE_OFF = "write_off"
    CREDIT_REFUND = "credit_refund"


class ApprovalState(StrEnum):
    """waiting → approved → done or failed; or rejected by the second person, or withdrawn by the first."""

    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    APPROVED = "approved"
    DONE = "done"
    FAILED = "failed"


class AskApproval(WireModel):
    """What a second person is to agree to; all there is without an amount."""

    kind: ApprovalKind
    subject: str
    amount: MajorAmount | None = None
    reason: Reason


class DecideApproval(WireModel):
    """The second person's word, and why."""

    decision: Literal["approve", "reject"]
    reason: Reason


class ApprovalView(WireModel):
    """A request and what became of it; the outcome says why it failed."""

    id: int
    kind: ApprovalKind
    subject: str
    amount: str
    currency: str
    reason: str
    state: ApprovalState
    asked_by: str
    asked_at: Timestamp
    decided_by: str | None
    decided_at: Timestamp | None
    decision_reason: str | None
    outcome: str | None


class ApprovalPage(WireModel):
    """A page of requests, newest first."""

    data: list[ApprovalView]
    has_more: bool
    next_cursor: str | None
