"""The ledger's actors: decode a message, call the operation. Must not touch the database themselves."""

from __future__ import annotations

import dramatiq
from dramatiq.broker import Broker

from recon_worker.ledger.operations import Sealer

SEAL = "seal_ledger"
"""The actor's name, for the schedule."""


def declare(broker: Broker, sealer: Sealer, *, queue: str) -> None:
    """Put the actors on a broker. queue: where scheduled work goes."""

    async def seal_ledger() -> None:
        await sealer.run()

    # No retries: the next slot is the retry.
    dramatiq.actor(broker=broker, queue_name=queue, max_retries=0)(seal_ledger)
