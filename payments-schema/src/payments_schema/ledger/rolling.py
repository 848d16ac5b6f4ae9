"""The chain of digests checked a stretch at a time, so that asking often stays cheap on books of any size.

Must not stand for the full audit: a block that was altered is found by the round that comes to it.
"""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.ledger import seals
from payments_schema.ledger.audit import MOST_OFFENDERS
from payments_schema.wire.ledger import IntegrityCheck

CHAIN = "the chain of digests holds"
STRETCH = 100


class Rounds:
    """Where the round stands. For one process and database; a chain of one stretch is checked every time."""

    def __init__(self, stretch: int = STRETCH) -> None:
        self._stretch = stretch
        self._after = 0
        self._newest = 0

    async def next(self, conn: AsyncConnection[TupleRow]) -> IntegrityCheck:
        """Check the blocks that are new since the last call, and the round's next stretch of the others."""
        newest = (await seals.newest(conn)).number
        if self._after >= newest:
            self._after = 0
        first, last = self._after, min(self._after + self._stretch, newest)
        # On a first call there is nothing to compare with: what is new is one stretch at most.
        fresh = max(self._newest, last, newest - self._stretch)
        offenders: list[dict[str, Any]] = []
        for after, through in ((first, last), (fresh, newest)):
            async for checked in seals.check(conn, after_block=after, through_block=through):
                offenders += [block._asdict() for block in checked.broken]
        self._after, self._newest = last, newest
        return IntegrityCheck(name=CHAIN, ok=not offenders, offenders=offenders[:MOST_OFFENDERS])
