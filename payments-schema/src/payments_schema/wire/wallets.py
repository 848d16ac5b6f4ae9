"""Mobile-money payments on the wire, amounts as decimal strings. Must not decide what may happen to one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from payments_schema.errors import PaymentsError
from payments_schema.money import Money
from payments_schema.phones import normalise
from payments_schema.wire.cards import Metadata
from payments_schema.wire.ledger import PaymentTransaction, TAccount
from payments_schema.wire.model import MajorAmount, Timestamp, WireModel, money_of
from payments_schema.wire.payments import AccountCode, Description


class WalletStatus(StrEnum):
    """Where a wallet payment stands; FAILED, EXPIRED, CANCELLED and REFUNDED are final."""

    INITIATED = "INITIATED"
    VALIDATING = "VALIDATING"
    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


_S = WalletStatus
WALLET_TRANSITIONS: dict[WalletStatus, frozenset[WalletStatus]] = {
    _S.INITIATED: frozenset({_S.VALIDATING, _S.CANCELLED, _S.EXPIRED}),
    _S.VALIDATING: frozenset({_S.PENDING, _S.FAILED, _S.CANCELLED, _S.EXPIRED}),
    _S.PENDING: frozenset({_S.PROCESSING, _S.FAILED, _S.CANCELLED, _S.EXPIRED}),
    _S.PROCESSING: frozenset({_S.CONFIRMED, _S.FAILED, _S.EXPIRED}),
    _S.CONFIRMED: frozenset({_S.REFUNDED}),
    _S.FAILED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REFUNDED: frozenset(),
}


class WalletProvider(StrEnum):
    """Who moves the money; `telecel` was Vodafone."""

    MTN = "mtn"
    TELECEL = "telecel"
    AIRTELTIGO = "airteltigo"


class WalletDirection(StrEnum):
    """disburse: from us to the recipient's wallet. collect: from that wallet to us, when its owner agrees."""

    DISBURSE = "disburse"
    COLLECT = "collect"


class AttemptState(StrEnum):
    """What is known of one conversation with one provider; succeeded and failed are definite."""

    SENDING = "sending"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    VOUCHER = "voucher"
    RESEND = "resend"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Review(StrEnum):
    """What an operator has to say, or has said, about a payment that the risk rules stopped."""

    REQUIRED = "required"
    APPROVED = "approved"
    REJECTED = "rejected"


def _phone(value: str) -> str:
    try:
        return normalise(value)
    except PaymentsError as error:
        raise PydanticCustomError("phone", "{reason}", {"reason": error.detail}) from None


Phone = Annotated[str, Field(min_length=9, max_length=32), AfterValidator(_phone)]
Voucher = Annotated[str, Field(pattern=r"^[0-9]{4,12}$")]


class InitiateWallet(WireModel):
    """What a client sends to start a wallet payment; `recipient_phone` in any notation of a number."""

    amount: MajorAmount = Field(examples=["25.00"])
    currency: str = Field(default="GHS", pattern=r"^[A-Z]{3}$")
    recipient_phone: Phone = Field(examples=["024 312 3499", "+233243123499"])
    recipient_name: Description = Field(min_length=1)
    direction: WalletDirection = WalletDirection.DISBURSE
    description: Description | None = None
    metadata: Metadata = Field(default_factory=dict)
    user_id: AccountCode | None = None
    provider: WalletProvider | None = None
    voucher: Voucher | None = None
    expires_in_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """A shorter life than the setting's."""

    @model_validator(mode="after")
    def _amount_fits_currency(self) -> InitiateWallet:
        money_of(self.amount, self.currency)
        return self

    def money(self) -> Money:
        """The amount in minor units."""
        return money_of(self.amount, self.currency)


class CancelWallet(WireModel):
    """Who cancels, where the payment was started for a user."""

    user_id: AccountCode | None = None


class GiveVoucher(WireModel):
    """The payer's voucher or one-time code, where a provider asks for one."""

    voucher: Voucher


class DecideReview(WireModel):
    """An operator's decision, with the reason that the audit trail keeps."""

    decision: Literal["approve", "reject"]
    reason: Description = Field(min_length=1)


class RefundWallet(WireModel):
    """Why the whole collected amount is sent back."""

    reason: Description | None = None


class AttemptView(WireModel):
    """One conversation with a provider: its fixed reference, what is known, the last raw reply, masked."""

    purpose: Literal["payment", "refund"]
    number: int
    provider: WalletProvider
    reference: str
    state: AttemptState
    sends: int
    inquiries: int
    fee: str
    code: str | None
    provider_transaction_id: str | None
    raw: str | None
    created_at: Timestamp
    resolved_at: Timestamp | None


class TransitionView(WireModel):
    """One step of the audit trail."""

    from_status: WalletStatus | None
    to_status: WalletStatus
    actor: str
    reason: str
    at: Timestamp


class WalletView(WireModel):
    """A wallet payment as clients see it; the phone is masked."""

    id: str
    transaction_id: str
    object: Literal["payment"] = "payment"
    kind: Literal["wallet"] = "wallet"
    status: WalletStatus
    direction: WalletDirection
    amount: str
    currency: str
    recipient_phone: str
    recipient_name: str
    provider: WalletProvider | None
    provider_reference: str | None
    review: Review | None
    outcome_is_unknown: bool
    awaits_voucher: bool
    failure_code: str | None
    failure_reason: str | None
    late_outcome: str | None
    description: str | None
    metadata: dict[str, Any]
    user_id: str | None
    created_at: Timestamp
    updated_at: Timestamp
    expires_at: Timestamp


class WalletDetail(WalletView):
    """The payment with its attempts, its audit trail and what the risk rules found."""

    trace_id: str | None = None
    attempts: list[AttemptView]
    transitions: list[TransitionView]
    risk: dict[str, Any] | None


class CandidateView(WireModel):
    """One provider in a routing decision: its figures, its score, or why it was left out."""

    provider: WalletProvider
    excluded: str | None
    fee_minor: int
    success_ppm: int
    successes: int | None = None
    samples: int
    latency_ms: int
    balance_minor: int | None
    score_minor: int


class RoutingDecision(WireModel):
    """One choice with all it was made from: what was asked, the weights then, and every candidate."""

    at: Timestamp
    provider: WalletProvider | None
    reason: str
    asked: dict[str, Any] | None = None
    worth_minor: int | None = None
    weights: dict[str, int]
    candidates: list[CandidateView]


class RoutingView(WireModel):
    """How a provider was chosen, so that a reader can check it by hand; one decision per attempt or wait."""

    payment_id: str
    provider: WalletProvider | None
    formulas: dict[str, str]
    decisions: list[RoutingDecision]


class WalletWitness(WireModel):
    """What follows from a payment's entries alone, minor units; `owner_amount` is what its owner gained."""

    status: WalletStatus
    paid_amount: int
    collected_amount: int
    refunded_amount: int
    fee_amount: int
    clearing_amount: int
    owner_amount: int
    agrees: bool
    problems: list[str]


class WalletLedger(WireModel):
    """Everything that a wallet payment posted, in order, as accounts, and what follows from it."""

    object: Literal["payment_ledger"] = "payment_ledger"
    payment_id: str
    trace_id: str | None = None
    transactions: list[PaymentTransaction]
    accounts: list[TAccount]
    witness: WalletWitness
