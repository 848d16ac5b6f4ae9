"""SQL of schedules. Must not know what is scheduled."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow


async def claim_slot(conn: AsyncConnection[TupleRow], name: str, slot: datetime, claimed_by: str) -> bool:
    """Whether this slot of a schedule is ours: true once across all workers, never for an older slot.

    The work it stands for must be done or enqueued in the same transaction.
    """
    claimed = await conn.execute(
        """
        INSERT INTO core.schedule AS s (name, last_slot, claimed_by) VALUES (%s, %s, %s)
        ON CONFLICT (name) DO UPDATE
        SET last_slot = excluded.last_slot, claimed_by = excluded.claimed_by, claimed_at = now()
        WHERE s.last_slot < excluded.last_slot
        RETURNING name
        """,
        [name, slot, claimed_by],
    )
    return await claimed.fetchone() is not None
