"""Events on the wire: facts that have happened. Must not hold any rule about who is told."""

from __future__ import annotations

from typing import Any

from payments_schema.wire.model import Timestamp, WireModel


class Event(WireModel):
    """One fact; `subject` is the id of what it happened to."""

    id: str
    type: str
    version: int
    subject: str
    data: dict[str, Any]
    recorded_at: Timestamp


class EventPage(WireModel):
    """A page of events, oldest first, so that a reader can follow; `next_cursor` is where to go on."""

    object: str = "list"
    data: list[Event]
    has_more: bool
    next_cursor: str | None
