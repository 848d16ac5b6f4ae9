"""What operators of wallets read and write: rules, lists, providers, statements. Must not judge any of it."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from payments_schema.money import Money
from payments_schema.wire.books import Reason
from payments_schema.wire.model import MajorAmount, Timestamp, WireModel, money_of
from payments_schema.wire.payments import AccountCode
from payments_schema.wire.wallets import Phone, WalletProvider

Verdict = Literal["allow", "review", "block"]
MOST_LINES = 10_000
LARGEST_MINOR = 2**62
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class RuleSetView(WireModel):
    """A version of the rules; `risk` or `routing` is null where the built-in ones were in force.

    `unreadable`: why a part cannot be read by this release, by its name. Null then, too.
    """

    version: int
    risk: dict[str, Any] | None
    routing: dict[str, int] | None
    set_by: str | None
    set_at: Timestamp | None
    unreadable: dict[str, str] = Field(default_factory=dict[str, str])


class RulesView(WireModel):
    """The rules in force, written out, and the versions before them, newest first.

    Where the risk rules in force are `unreadable`, `risk` shows the built-in ones, but payments wait.
    """

    version: int
    risk: dict[str, Any]
    routing: dict[str, int]
    unreadable: dict[str, str] = Field(default_factory=dict[str, str])
    history: list[RuleSetView]


class DryRun(WireModel):
    """Past payments (`payments`) or routing decisions (`decisions`) judged again; nothing was changed."""

    days: int
    judged: int
    outcomes: dict[str, int]
    reasons: dict[str, int]
    changed: int
    examples: list[dict[str, Any]]
    is_partial: bool


class _Subject(WireModel):
    phone: Phone | None = None
    payer: AccountCode | None = None
    reason: Reason

    @model_validator(mode="after")
    def _one_subject(self) -> _Subject:
        if (self.phone is None) == (self.payer is None):
            raise PydanticCustomError("one_subject", "give either phone or payer")
        return self

    @property
    def subject(self) -> str:
        """As the lists have it."""
        return self.phone or self.payer or ""


class PutOnList(_Subject):
    """Who is meant, by telephone number or as a payer (a client, or `client/user`), and what follows."""

    verdict: Verdict


class TakeOffList(_Subject):
    """Who is taken off the lists, and why."""


class ListedView(WireModel):
    """An entry of the risk lists; a telephone number is masked."""

    subject: str
    verdict: Verdict
    reason: str
    added_by: str
    added_at: Timestamp


class ProviderView(WireModel):
    """How a provider is, and why. `health` is up, degraded, down or unknown; rates over the window."""

    provider: WalletProvider
    health: Literal["up", "degraded", "down", "unknown"]
    reasons: list[str]
    breaker: str | None
    breaker_noted_at: Timestamp | None
    balance: str | None
    currency: str
    balance_checked_at: Timestamp | None
    balance_error: str | None
    success_rate: str | None
    successes: int
    failures: int
    latency_ms: int
    window_s: int
    open_attempts: int
    unknown_attempts: int


def _storable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("not_printable", "must be printable characters")
    return value


def _written_out(value: Any) -> Any:
    # Alone, a bare number would be taken for seconds.
    if (isinstance(value, str) and not _DATE.match(value)) or not isinstance(value, (str, datetime)):
        raise PydanticCustomError("moment_malformed", "must be a date and time with its zone, as in ISO 8601")
    return value


class NewStatementLine(WireModel):
    """A line of a statement: `amount` is signed as our money with the provider moved, `fee` was taken off."""

    provider_id: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_storable)]
    reference: Annotated[str, Field(max_length=255), AfterValidator(_storable)] = ""
    amount: MajorAmount = Field(examples=["-25.00"])
    fee: MajorAmount = Field(default=Decimal(0), examples=["0.19"])
    currency: str = Field(default="GHS", pattern=r"^[A-Z]{3}$")
    at: Annotated[AwareDatetime, BeforeValidator(_written_out)]

    @model_validator(mode="after")
    def _fits_currency(self) -> NewStatementLine:
        if self.fee_money().minor < 0:
            raise PydanticCustomError("fee_negative", "fee must not be negative")
        if abs(self.effect_minor()) > LARGEST_MINOR:
            raise PydanticCustomError("amount_too_large", "amount is too large")
        return self

    def fee_money(self) -> Money:
        return money_of(self.fee, self.currency)

    def effect_minor(self) -> int:
        """What the line did to our money with the provider."""
        return money_of(self.amount, self.currency).minor - self.fee_money().minor


class StatementFile(WireModel):
    """A provider's statement; lines taken in before count once, whoever brought them."""

    lines: list[NewStatementLine] = Field(max_length=MOST_LINES)

    @model_validator(mode="after")
    def _each_once(self) -> StatementFile:
        known: dict[str, NewStatementLine] = {}
        for line in self.lines:
            if known.setdefault(line.provider_id, line) != line:
                raise PydanticCustomError("line_twice", "two lines have the same provider_id")
        return self


class StatementTaken(WireModel):
    """What a statement led to; `proposed` waits for an operator, `open` has found nothing yet."""

    upload_id: int
    provider: WalletProvider
    lines: int
    fresh: int
    repeated: int
    matched: int
    proposed: int


class StatementLineView(WireModel):
    """A line as it was taken in; `effect` is what it did to our money with the provider."""

    id: int
    provider: WalletProvider
    provider_id: str
    reference: str
    effect: str
    fee: str
    currency: str
    at: Timestamp
    state: Literal["open", "proposed", "matched", "suspense"]


class AgeView(WireModel):
    """What is open of one age: `stated` by the provider without a payment, or `booked` without a line."""

    provider: WalletProvider
    currency: str
    side: Literal["stated", "booked"]
    days: str
    count: int
    sum: str
