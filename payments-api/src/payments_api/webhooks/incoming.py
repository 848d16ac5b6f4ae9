"""Takes payment events: verified, strictly read, stored once with their message, and only then answered.

Must not look at an invoice: whether it is known is found out where the event is applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from fastapi import APIRouter, Request
from payments_schema.database.pool import Pool, make_pool
from payments_schema.invoices import inbox
from payments_schema.invoices.inbox import Arrived
from payments_schema.webhooks import signing
from payments_schema.wire.invoices import EventAccepted, PaymentEvent
from pydantic import ValidationError

from payments_api.batching import Connection, MicroBatcher
from payments_api.http import problems, strict_json
from payments_api.http.door import Door
from payments_api.http.problems import Problem
from payments_api.settings import Settings

router = APIRouter(route_class=Door, tags=["webhooks"])
EventBatcher = MicroBatcher[Arrived, None]
LARGEST_EXPONENT = 1000


async def flush(conn: Connection, items: Sequence[Arrived]) -> Sequence[None]:
    """Store a batch in one statement, which is one commit."""
    await inbox.accept(conn, items)
    return [None] * len(items)


def open_lanes(settings: Settings) -> tuple[Pool, EventBatcher]:
    """Return the batcher of events and the pool of its own, which is not open yet."""
    pool = make_pool(
        settings.bounded_conninfo,
        min_size=1,
        max_size=settings.batch_lanes + 1,
        name="payments-api events",
        timeout_s=settings.database_timeout_s,
    )
    batcher: EventBatcher = MicroBatcher(
        pool,
        flush,
        same=lambda _event: None,  # any two events may share a commit
        key=lambda event: event.event_id,
        most_items=settings.batch_items,
        lanes=settings.batch_lanes,
        backlog=settings.batch_backlog,
        timeout_s=settings.database_timeout_s,
    )
    return pool, batcher


@router.post(
    "/webhooks/payments",
    status_code=202,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": PaymentEvent.model_json_schema()}},
        }
    },
)
async def take(request: Request) -> EventAccepted:
    """Take a payment event, signed by Standard Webhooks headers; a repeated `event_id` counts once."""
    raw = await request.body()
    settings: Settings = request.app.state.settings
    _check_signature(request, settings, raw)
    event = _read(raw)
    arrived = Arrived(event.event_id, event.invoice_id, event.amount_cents, raw.decode())
    await request.app.state.payment_events.submit(arrived)
    return EventAccepted(event_id=event.event_id)


def _check_signature(request: Request, settings: Settings, raw: bytes) -> None:
    if not settings.webhook_keys:
        if settings.takes_unsigned:
            return
        raise Problem(401, "invalid_signature", "WEBHOOK_SECRET is not set, so no event can be verified.")
    try:
        signing.verify(settings.webhook_keys, request.headers, raw)
    except signing.SignatureRefused as refused:
        raise Problem(401, "invalid_signature", f"The event is not signed: {refused}.") from None


def _read(raw: bytes) -> PaymentEvent:
    """Read an event. Raises Problem 400, whatever is wrong with it."""
    try:
        body = strict_json.parse(raw)
        _refuse_unstorable_numbers(body)
        return PaymentEvent.model_validate(body)
    except ValidationError as wrong:
        fields = problems.field_errors(cast("Sequence[dict[str, Any]]", wrong.errors()))
        named = ", ".join(sorted({field["field"] for field in fields}))
        raise Problem(400, "invalid_event", f"The event is malformed: {named}.", fields=fields) from None
    except Problem as refused:
        raise Problem(400, "invalid_event", refused.detail) from None


def _refuse_unstorable_numbers(body: object) -> None:
    """The raw record keeps numbers as written, and Postgres has an end to them."""
    waiting: list[object] = [body]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Decimal) and abs(item.adjusted()) > LARGEST_EXPONENT:
            raise Problem(400, "invalid_event", "A number is out of range.")
        if isinstance(item, dict):
            waiting.extend(cast("dict[str, object]", item).values())
        elif isinstance(item, list):
            waiting.extend(cast("list[object]", item))
