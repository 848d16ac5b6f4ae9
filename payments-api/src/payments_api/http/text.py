"""Types of text that comes in a query. Must not know what the text is for."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _absent_when_empty(value: Any) -> Any:
    return None if value == "" else value


def _written_out(value: Any) -> Any:
    if isinstance(value, str) and not _DATE.match(value):
        raise PydanticCustomError("moment_malformed", "must be a date and time with its zone, as in ISO 8601")
    return value


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("not_storable", "must be text without NUL")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""A moment in a query; pydantic alone would take a bare number for seconds."""

AbsentWhenEmpty = BeforeValidator(_absent_when_empty)
"""Forms send empty parameters for what was not filled in."""

SearchText = Annotated[str, Field(max_length=255), AfterValidator(_without_nul)]
"""Text that Postgres can be asked for."""
