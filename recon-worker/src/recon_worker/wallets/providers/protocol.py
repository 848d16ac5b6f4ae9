"""What every mobile-money provider must be able to do, whatever its API looks like.

Must not decide what follows from an observation: `retries` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from payments_schema.money import Money
from payments_schema.wire.wallets import WalletDirection, WalletProvider


@dataclass(frozen=True, slots=True)
class Order:
    """One transfer as a provider is to carry it out; `reference` is the same however often it is sent."""

    reference: UUID
    direction: WalletDirection
    amount: Money
    phone: str
    payment_id: str
    note: str
    voucher: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the transfer and has not finished it."""

    raw: str | None = None


@dataclass(frozen=True, slots=True)
class NeedsVoucher:
    """The provider has the transfer and waits for the payer's code. is_wrong: the one given was refused."""

    is_wrong: bool = False
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The money has moved. fee_minor: None where the provider does not say."""

    provider_id: str | None
    fee_minor: int | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider knows the transfer and it has failed for good. code: in our words (see retries)."""

    code: str
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request certainly never left: no connection, or the breaker is open."""

    code: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider does not know the reference (yet): a request may still be under way."""

    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything may have happened: no reply in time, a broken one, or one that says nothing we understand."""

    code: str
    raw: str | None = None


Observation = Accepted | NeedsVoucher | Succeeded | Refused | NotSent | NotFound | Unknown


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a provider's statement: what it did to our float, the fee already taken off."""

    provider_id: str
    reference: str
    effect_minor: int
    fee_minor: int
    currency: str
    at: datetime


class ProviderUnavailable(Exception):
    """A balance or statement could not be had; the text says why, without secrets."""


class Provider(Protocol):
    """An adapter. `submit`, `inquire` and `give_voucher` never raise for what a provider does or not."""

    @property
    def name(self) -> WalletProvider: ...

    async def submit(self, order: Order) -> Observation:
        """Send the transfer once. Sending the same reference again must never move money twice."""
        ...

    async def inquire(self, order: Order) -> Observation:
        """Ask what became of the reference. Only this may say Succeeded or Refused."""
        ...

    async def give_voucher(self, order: Order) -> Observation:
        """Hand over the payer's code."""
        ...

    async def balance(self, currency: str) -> Money:
        """Our float. Raises ProviderUnavailable."""
        ...

    async def statement(self, since: datetime, until: datetime) -> list[StatementLine]:
        """What moved in [since, until). Raises ProviderUnavailable."""
        ...

    async def close(self) -> None: ...


Credentials = Mapping[str, str]
