"""What a caller may do with direct payments. Must not speak HTTP, and never commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from payments_schema.errors import IdempotencyKeyReused
from payments_schema.payments import store
from payments_schema.payments.store import CreateOutcome, NewPayment, Payment
from payments_schema.wire.payments import CreateBatchItem, CreatePayment
from pydantic import TypeAdapter, ValidationError

from payments_api.batching import Connection, MicroBatcher

BATCH_ROUTE = "POST /payments/batch"


class Requested(NamedTuple):
    """One payment that one client asks for, and the trace that it belongs to."""

    client: str
    payment: NewPayment
    traceparent: str | None = None


PaymentBatcher = MicroBatcher[Requested, CreateOutcome]


async def flush(conn: Connection, items: Sequence[Requested]) -> Sequence[CreateOutcome]:
    """Create the payments of one client in one statement, which is one commit."""
    traceparent = next((item.traceparent for item in items if item.traceparent), None)
    return await store.create_many(
        conn, items[0].client, [item.payment for item in items], traceparent=traceparent
    )


async def create(batcher: PaymentBatcher, requested: Requested) -> tuple[Payment, bool]:
    """Return the payment and whether it is a replay.

    Raises IdempotencyKeyReused, IdempotencyKeyInFlight, Overloaded.
    """
    outcome = await batcher.submit(requested)
    return accepted(outcome), outcome.outcome == "replayed"


def accepted(outcome: CreateOutcome) -> Payment:
    """Return the payment of an outcome. Raises IdempotencyKeyReused naming what differs."""
    if outcome.payment is None:
        raise IdempotencyKeyReused(outcome.differs)
    return outcome.payment


def to_new(key: str, body: CreatePayment) -> NewPayment:
    """Bring what came over the wire to minor units."""
    return NewPayment(key, body.account_id, body.money(), body.description)


_items = TypeAdapter(list[CreateBatchItem])


def read_items(raw: Sequence[object]) -> list[NewPayment | ValidationError]:
    """Read the items of a batch, all at once where all are good, else one by one; the order stays."""
    try:
        return [to_new(item.idempotency_key, item) for item in _items.validate_python(raw)]
    except ValidationError:
        return [_read_item(item) for item in raw]


def _read_item(raw: object) -> NewPayment | ValidationError:
    try:
        item = CreateBatchItem.model_validate(raw)
    except ValidationError as wrong:
        return wrong
    return to_new(item.idempotency_key, item)


async def create_all(
    conn: Connection, client: str, items: Sequence[NewPayment | ValidationError], traceparent: str | None
) -> list[CreateOutcome | ValidationError]:
    """Create the good items in one statement; outcomes and refusals stand in the order of the items."""
    good = [item for item in items if not isinstance(item, ValidationError)]
    made = iter(await store.create_many(conn, client, good, route=BATCH_ROUTE, traceparent=traceparent))
    return [item if isinstance(item, ValidationError) else next(made) for item in items]
