"""Card payments on the wire, amounts in integer minor units. Must not decide what may happen to one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictInt
from pydantic_core import PydanticCustomError

from payments_schema.money import CURRENCIES
from payments_schema.wire.ledger import Direction, PaymentTransaction, TAccount
from payments_schema.wire.model import Timestamp, WireModel
from payments_schema.wire.payments import AccountCode, Description

LARGEST_AMOUNT = 99_999_999
MOST_METADATA = 50
LONGEST_METADATA_KEY = 40
LONGEST_METADATA_TEXT = 500
LARGEST_METADATA_NUMBER = 2**53


class PaymentKind(StrEnum):
    """Which lifecycle a payment of `/api/v1/payments` follows."""

    CARD = "card"
    WALLET = "wallet"


class CardStatus(StrEnum):
    """Where a card payment stands; voided, expired and refunded are final."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"
    SETTLED = "settled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class CardAction(StrEnum):
    """What a client may ask of a card payment."""

    CAPTURE = "capture"
    VOID = "void"
    SETTLE = "settle"
    REFUND = "refund"


def _known_currency(value: str) -> str:
    if value not in CURRENCIES:
        raise PydanticCustomError("unknown_currency", "must be an ISO 4217 code that we know")
    return value


def _small(value: dict[str, Any]) -> dict[str, Any]:
    """Up to 50 keys of 1 to 40 characters; texts up to 500 characters, numbers, true, false and null."""
    if len(value) > MOST_METADATA:
        raise PydanticCustomError("metadata_too_large", "must have at most 50 keys")
    for name, content in value.items():
        if not 1 <= len(name) <= LONGEST_METADATA_KEY or not name.isprintable():
            raise PydanticCustomError("metadata_key", "keys must be 1 to 40 printable characters")
        _check_content(content)
    return value


def _check_content(content: object) -> None:
    if content is None or isinstance(content, bool):
        return
    if isinstance(content, str):
        if len(content) > LONGEST_METADATA_TEXT:
            raise PydanticCustomError("metadata_too_large", "texts must have at most 500 characters")
        if "\0" in content or any("\ud800" <= character <= "\udfff" for character in content):
            raise PydanticCustomError("not_storable", "must be text without NUL or lone surrogates")
    elif not isinstance(content, int) or abs(content) > LARGEST_METADATA_NUMBER:
        raise PydanticCustomError(
            "metadata_value", "values must be texts, whole numbers, true, false or null"
        )


MinorAmount = Annotated[
    StrictInt, Field(ge=1, le=LARGEST_AMOUNT, description="Minor units of the currency.", examples=[1250])
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"]), AfterValidator(_known_currency)]
Metadata = Annotated[dict[str, Any], AfterValidator(_small)]


class AuthorizeCard(WireModel):
    """Ask to hold funds; `account_id` names the cardholder's account with us, where there is one."""

    amount: MinorAmount
    currency: Currency
    account_id: AccountCode | None = None
    description: Description | None = None
    metadata: Metadata = Field(default_factory=dict)


class CaptureCard(WireModel):
    """Ask to take held funds: `amount`, or all that is held."""

    amount: MinorAmount | None = None


class NothingAsked(WireModel):
    """The body of void and settle: nothing, or an empty object."""


class RefundCard(WireModel):
    """Ask to return captured funds: `amount`, or all that is left."""

    amount: MinorAmount | None = None
    reason: Description | None = None


class CardPaymentView(WireModel):
    """A card payment as clients see it; `fee_amount` is the fee on everything captured."""

    id: str
    object: Literal["payment"] = "payment"
    kind: Literal[PaymentKind.CARD] = PaymentKind.CARD
    status: CardStatus
    amount: int
    currency: str
    account_id: str | None
    authorized_amount: int
    captured_amount: int
    refunded_amount: int
    fee_amount: int
    description: str | None
    metadata: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp
    expires_at: Timestamp


class PreviewEntry(WireModel):
    """An entry that would be posted."""

    account: str
    direction: Direction
    amount: int
    currency: str


class Preview(WireModel):
    """What an action would post now; nothing was done."""

    preview: Literal[True] = True
    entries: list[PreviewEntry]


class RefundedPart(WireModel):
    """What a refund took back from one capture."""

    capture: int
    merchant_amount: int
    fee_amount: int


class CardTransaction(PaymentTransaction):
    """A posted step of a card payment; `returns` names the captures where the step is a refund."""

    returns: list[RefundedPart] | None = None


class CardWitness(WireModel):
    """The payment as it follows from its entries alone."""

    status: CardStatus
    authorized_amount: int
    captured_amount: int
    refunded_amount: int
    fee_amount: int
    held_amount: int
    settled_amount: int
    agrees: bool
    problems: list[str]


class CardLedger(WireModel):
    """Everything that a payment posted, in order, as accounts, and what follows from it."""

    object: Literal["payment_ledger"] = "payment_ledger"
    payment_id: str
    transactions: list[CardTransaction]
    accounts: list[TAccount]
    witness: CardWitness


class AccountSide(WireModel):
    """The balance of one ledger account in one currency, on its normal side."""

    account: str
    owner: str | None
    currency: str
    normal_side: Direction
    debits: int
    credits: int
    balance: int


class LedgerAccountBalance(WireModel):
    """The balances behind an id: a ledger account, an account of the chart, or a customer's accounts."""

    object: Literal["account_balance"] = "account_balance"
    account_id: str
    balances: list[AccountSide]
