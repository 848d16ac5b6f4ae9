"""Postgres array literals for batches, ten times as fast as the driver's general way (measured).

Must be used for function arguments only, whose types the server knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID


def ints(values: Sequence[int | None]) -> str:
    """An array of integers."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Sequence[str | None]) -> str:
    """An array of texts; every element is quoted, so nothing in it can end it."""
    return "{" + ",".join(["NULL" if value is None else f'"{_escaped(value)}"' for value in values]) + "}"


def uuids(values: Sequence[UUID]) -> str:
    """An array of uuids."""
    return "{" + ",".join([value.hex for value in values]) + "}"


def _escaped(text: str) -> str:
    if "\\" in text or '"' in text:
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text
