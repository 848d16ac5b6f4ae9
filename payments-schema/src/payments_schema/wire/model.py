"""The base of all wire models and the types they share. Must not hold a shape of its own."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from payments_schema.errors import PaymentsError
from payments_schema.money import Money, is_decimal, parse_major


class WireModel(BaseModel):
    """Unknown fields are refused; a model does not change after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CamelModel(WireModel):
    """A model whose JSON names are camelCase, `account_id` here being `accountId` there."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )


def _read_amount(value: Any) -> Any:
    """Take a decimal string, an integer, a Decimal, or what a JSON parser made of a fraction."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, str) and is_decimal(value):
        number = Decimal(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = Decimal(repr(value))  # a fraction's shortest spelling is what the client wrote
    else:
        raise PydanticCustomError("amount_malformed", "amount must be a number or a decimal string")
    if not number.is_finite():
        raise PydanticCustomError("amount_malformed", "amount must be a finite number")
    return number


MajorAmount = Annotated[Decimal, BeforeValidator(_read_amount)]
"""An amount in major units as a client writes it: a JSON number or a decimal string."""


def money_of(amount: str | int | Decimal, currency: str) -> Money:
    """`parse_major` for validators: our errors become pydantic's, with our code as their type."""
    try:
        return parse_major(amount, currency)
    except PaymentsError as error:
        raise PydanticCustomError("money", "{reason}", {"reason": error.detail, "code": error.code}) from None


def _timestamp(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


Timestamp = Annotated[AwareDatetime, PlainSerializer(_timestamp, return_type=str, when_used="json")]
