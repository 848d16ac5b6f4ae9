"""Types of text that comes in a query. Must not know what the text is for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError


def _absent_when_empty(value: Any) -> Any:
    return None if value == "" else value


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("not_storable", "must be text without NUL")
    return value


AbsentWhenEmpty = BeforeValidator(_absent_when_empty)
"""Forms send empty parameters for what was not filled in."""

SearchText = Annotated[str, Field(max_length=255), AfterValidator(_without_nul)]
"""Text that Postgres can be asked for."""
