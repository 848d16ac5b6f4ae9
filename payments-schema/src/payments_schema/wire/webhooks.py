"""Subscriptions to outgoing events and their deliveries on the wire. Must not hold a rule beyond shape."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

from payments_schema.wire.model import Timestamp, WireModel

_TOPIC = re.compile(r"[a-z_]+(\.[a-z_]+|\.\*)", re.ASCII)


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_usable = False
        parts = None
    if not is_usable or parts is None or parts.username or not value.isascii() or not value.isprintable():
        raise PydanticCustomError("url_malformed", "must be an http or https address without credentials")
    return value


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value):
        raise PydanticCustomError("topic_malformed", "must be a topic such as invoice.paid or invoice.*")
    return value


Address = Annotated[StrictStr, Field(min_length=8, max_length=2000), AfterValidator(_address)]
Topic = Annotated[StrictStr, Field(max_length=100), AfterValidator(_topic)]


class CreateSubscription(WireModel):
    """Who wants to be told: an address, and topics or prefixes (`invoice.*`); none means all."""

    url: Address
    types: list[Topic] = Field(default_factory=list[str], max_length=50)
    description: Annotated[StrictStr, Field(max_length=255)] | None = None


class Subscription(WireModel):
    """A subscription; its secret is shown only when it is made or rotated."""

    id: str
    url: str
    types: list[str]
    description: str | None
    status: Literal["enabled", "disabled"]
    disabled_reason: str | None
    failing_since: Timestamp | None
    created_at: Timestamp
    secret: str | None = None


class DeliveryStatus(StrEnum):
    """pending until it was delivered or given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Attempt(WireModel):
    """One try; answer: the receiver's HTTP status, where there was one."""

    number: int
    at: Timestamp
    took_ms: int
    answer: int | None
    error: str | None


class Delivery(WireModel):
    """One event on its way to one subscription."""

    id: int
    event_id: str
    subject: str
    replay: int
    status: DeliveryStatus
    due_at: Timestamp
    attempts: list[Attempt]


class DeliveryPage(WireModel):
    """A page of deliveries, newest first."""

    object: Literal["list"] = "list"
    data: list[Delivery]
    has_more: bool
    next_cursor: str | None


class Replay(WireModel):
    """Which deliveries to make again: those named, or all that failed where none is."""

    deliveries: list[Annotated[int, Field(gt=0, lt=2**63)]] | None = Field(default=None, max_length=1000)


class Replayed(WireModel):
    """How many deliveries were made anew."""

    count: int
