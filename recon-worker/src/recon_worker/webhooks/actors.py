"""The actors of outgoing events: a message is a wake-up. Must not touch the database themselves."""

from __future__ import annotations

import dramatiq
from dramatiq.broker import Broker

from recon_worker.webhooks.delivery import Deliverer

QUEUE = "webhooks"
PULL = "pull_webhooks"


def declare(broker: Broker, deliverer: Deliverer) -> None:
    """Put the actor on a broker."""

    async def pull_webhooks() -> None:
        await deliverer.pull()

    # No retries: the next slot is the retry.
    dramatiq.actor(broker=broker, queue_name=QUEUE, max_retries=0)(pull_webhooks)
