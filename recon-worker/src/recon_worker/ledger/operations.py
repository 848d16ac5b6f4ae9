"""Seals what is settled, a bounded number of transactions in each commit. Must not know messages."""

from __future__ import annotations

import structlog
from payments_schema.ledger import seals

from recon_worker.database import Line

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH = 20_000


class Sealer:
    """Runs on a line of its own, so that reconciliation does not wait for it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def run(self) -> int:
        """Seal until nothing settled is left; returns how many transactions that were."""
        total = 0
        while True:
            async with self._line.unit_of_work() as conn:
                sealed = await seals.seal(conn, limit=BATCH)
            total += sealed
            if sealed < BATCH:
                break
        if total:
            log.debug("ledger sealed", transactions=total)
        return total

    async def close(self) -> None:
        """Close the line."""
        await self._line.close()
