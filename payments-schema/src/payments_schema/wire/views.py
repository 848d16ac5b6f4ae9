"""Named filters of the operators' list, on the wire. Must not hold a rule beyond shape."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from payments_schema.money import CURRENCIES
from payments_schema.wire.cards import CardStatus
from payments_schema.wire.model import Timestamp, WireModel
from payments_schema.wire.operations import ROWS_MAX, Kind, Order
from payments_schema.wire.payments import PaymentStatus
from payments_schema.wire.wallets import WalletStatus

_STATUSES = frozenset({*PaymentStatus, *CardStatus, *WalletStatus})
LONGEST_NAME = 60
MOST_VIEWS = 50
"""So many views a person keeps; nobody looks through more."""


def _named(value: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(value.split()))
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise PydanticCustomError("name_malformed", "must be a name of 1 to 60 printable characters")
    return name


def _known(value: str) -> str:
    if value not in CURRENCIES:
        raise PydanticCustomError("unknown_currency", "must be an ISO 4217 code that we know")
    return value


def _a_status(value: str) -> str:
    if value not in _STATUSES:
        raise PydanticCustomError("unknown_status", "must be a status that a payment may have")
    return value


def _a_day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day_malformed", "must be a day as 2026-11-21") from None
    return value


ViewName = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_named)]
"""What a view is called, without spaces around it; two names that differ in case only are one."""

Status = Annotated[
    StrictStr, AfterValidator(_a_status), Field(json_schema_extra={"enum": [*sorted(_STATUSES)]})
]
"""A status of any kind of payment."""

Words = Annotated[StrictStr, Field(min_length=1, max_length=255)]
Day = Annotated[StrictStr, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_a_day)]


class ViewFilters(WireModel):
    """Which payments, in the words of the list's address; the days are the reader's own.

    Unknown fields are refused: a view that a page cannot show is not kept.
    """

    kind: Kind | None = None
    status: Status | None = None
    account: Words | None = None
    q: Words | None = None
    amount: Annotated[StrictStr, Field(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,4})?$")] | None = None
    currency: Annotated[StrictStr, AfterValidator(_known)] | None = None
    since: Day | None = None
    until: Day | None = None
    order: Order | None = None
    rows: Annotated[StrictInt, Field(ge=1, le=ROWS_MAX)] | None = None


class SaveView(WireModel):
    """A view to keep under a name; one's own of the same name is replaced."""

    name: ViewName
    filters: ViewFilters
    is_shared: StrictBool = False


class ChangeView(WireModel):
    """Another name for a view, or who sees it; what is left out stays."""

    name: ViewName | None = None
    is_shared: StrictBool | None = None


class SavedView(WireModel):
    """A view that somebody keeps; `is_own` where the reader may change it."""

    id: int
    name: str
    filters: ViewFilters
    is_shared: bool
    owner: str
    is_own: bool
    changed_at: Timestamp


class SavedViews(WireModel):
    """One's own views by name, then what others share."""

    object: Literal["list"] = "list"
    data: list[SavedView]
