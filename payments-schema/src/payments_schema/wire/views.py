"""Named filters of the operators' list, on the wire. Must not hold a rule beyond shape."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
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


class Period(StrEnum):
    """Days that move on with the calendar, the reader's own; today is the last of them, save in yesterday."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    LAST_7_DAYS = "last-7-days"
    LAST_30_DAYS = "last-30-days"
    THIS_MONTH = "this-month"


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

    Unknown fields are refused: a view that a page cannot show is not kept. Days are those from `since` to
    `until`, or a period, which moves on with the calendar.
    """

    kind: Kind | None = None
    status: Status | None = None
    account: Words | None = None
    q: Words | None = None
    amount: Annotated[StrictStr, Field(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,4})?$")] | None = None
    currency: Annotated[StrictStr, AfterValidator(_known)] | None = None
    since: Day | None = None
    until: Day | None = None
    period: Period | None = None
    order: Order | None = None
    rows: Annotated[StrictInt, Field(ge=1, le=ROWS_MAX)] | None = None

    @field_validator("period")
    @classmethod
    def _is_alone(cls, value: Period | None, info: ValidationInfo) -> Period | None:
        if value is not None and (info.data.get("since") or info.data.get("until")):
            raise PydanticCustomError("period_and_days", "must stand without since and until")
        return value


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
    """A view that somebody keeps; `is_own` where the reader may change it.

    `dropped` names filters that were kept and are not known any more: the view shows more than it did.
    """

    id: int
    name: str
    filters: ViewFilters
    is_shared: bool
    owner: str
    is_own: bool
    changed_at: Timestamp
    dropped: list[str] = Field(default_factory=list[str])

    @model_validator(mode="before")
    @classmethod
    def _drop_what_is_not_known(cls, given: object) -> object:
        """A status that is gone must not take the view, nor all that are listed with it."""
        if not isinstance(given, dict):
            return given
        members = cast("dict[str, Any]", given)
        if not isinstance(members.get("filters"), dict):
            return members
        filters, lost = _known_part(members["filters"])
        return {**members, "filters": filters, "dropped": [*members.get("dropped", []), *lost]}


class SavedViews(WireModel):
    """One's own views by name, then what others share."""

    object: Literal["list"] = "list"
    data: list[SavedView]


def _known_part(kept: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Filters that may still be asked for, and the names of the others."""
    try:
        ViewFilters.model_validate(kept)
    except ValidationError as error:
        lost = {str(wrong["loc"][0]) for wrong in error.errors(include_url=False, include_input=False)}
        return {name: value for name, value in kept.items() if name not in lost}, sorted(lost)
    return dict(kept), []
