"""Provider statements matched with our books, on the wire. Must not hold a rule beyond shape."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from payments_schema.wire.model import Timestamp, WireModel


class MatchView(WireModel):
    """Statement lines that belong to attempts; the difference is what the statement says beyond our books."""

    id: int
    provider: str
    kind: str
    lines: list[int]
    attempts: list[UUID]
    difference_minor: int
    currency: str
    state: str
    decided_by: str | None
    decided_at: Timestamp | None
    created_at: Timestamp
    oldest_at: Timestamp | None = None


class DecideMatch(WireModel):
    """An operator's word on a proposal."""

    decision: Literal["confirm", "reject"]
