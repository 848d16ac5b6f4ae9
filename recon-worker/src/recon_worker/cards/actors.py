"""The card actors: decode a message, call the operation. Must not touch the database themselves."""

from __future__ import annotations

import dramatiq
from dramatiq.broker import Broker

from recon_worker.cards.operations import Expirer

EXPIRE = "expire_card_holds"
"""The actor's name, for the schedule."""


def declare(broker: Broker, expirer: Expirer, *, queue: str) -> None:
    """Put the actors on a broker. queue: where scheduled work goes."""

    async def expire_card_holds() -> None:
        await expirer.run()

    # No retries: the next slot is the retry.
    dramatiq.actor(broker=broker, queue_name=queue, max_retries=0)(expire_card_holds)
