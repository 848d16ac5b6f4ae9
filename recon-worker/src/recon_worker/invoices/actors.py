"""The invoice actors: decode a message, call the operation. Must not touch the database themselves."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import dramatiq
from dramatiq.broker import Broker
from payments_schema.errors import PaymentsError
from payments_schema.invoices.inbox import APPLY, QUEUE, REVIVE

from recon_worker.batcher import Batcher
from recon_worker.invoices.operations import Applier
from recon_worker.queue.messages import MalformedMessage

SWEEP = "sweep_payment_events"
"""The actor's name, for the schedule."""
BATCH = 500


def invoice_ids_of(argument: object) -> list[UUID]:
    """The invoice ids of a message. Raises MalformedMessage."""
    if not isinstance(argument, list) or not argument:
        raise MalformedMessage("invoice ids must be a list, and at least one")
    try:
        return [UUID(cast("str", item)) for item in cast("list[Any]", argument)]
    except (ValueError, AttributeError, TypeError):
        raise MalformedMessage("invoice ids must be uuids") from None


def declare(broker: Broker, applier: Applier) -> None:
    """Put the actors on a broker. Messages only say where to look: what waits stands in the database."""
    batcher: Batcher[UUID] = Batcher(applier.run, BATCH)

    async def apply_payment_events(invoice_ids: object) -> None:
        failures = await batcher.submit(invoice_ids_of(invoice_ids))
        for error in failures.values():
            raise error

    async def revive_payment_event(event_id: object) -> None:
        invoice_id = await applier.revive(invoice_ids_of([event_id])[0])
        if invoice_id is not None:
            await batcher.submit([invoice_id])

    async def sweep_payment_events() -> None:
        due = await applier.due()
        if due:
            await batcher.submit(due)

    for name, function in ((APPLY, apply_payment_events), (REVIVE, revive_payment_event)):
        dramatiq.actor(
            broker=broker,
            actor_name=name,
            queue_name=QUEUE,
            max_retries=8,
            min_backoff=200,
            max_backoff=60_000,
            time_limit=120_000,
            throws=(PaymentsError, MalformedMessage),
        )(function)
    # No retries: the next slot is the retry.
    dramatiq.actor(broker=broker, queue_name=QUEUE, max_retries=0)(sweep_payment_events)
