"""Accounting periods: what is dated into a closed one goes to the open one. Must not re-date any."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.errors import InvalidTransition
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent

Connection = AsyncConnection[TupleRow]


class PeriodClose(NamedTuple):
    """A boundary: nothing is dated before it any more."""

    closed_until: datetime
    closed_by: str
    reason: str
    closed_at: datetime


async def close(conn: Connection, until: datetime, *, by: str, reason: str) -> PeriodClose:
    """Close everything before `until` (with a time zone, not in the future, beyond the last boundary).

    Waits for postings in flight. Raises InvalidTransition where the boundary would not move forward.
    """
    cursor = await conn.execute("SELECT ledger.close_period(%s, %s, %s)", [until, by, reason])
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        raise InvalidTransition(
            "A period closes at a time that has passed and lies behind the last boundary",
            current_status="open",
            allowed_actions=["close at another time"],
        )
    facts = {"closed_until": until.isoformat(), "reason": reason, "actor": by}
    await events.record(conn, NewEvent("ledger.period_closed", until.isoformat(), facts))
    return (await listed(conn, limit=1))[0]


async def listed(conn: Connection, *, limit: int = 100) -> list[PeriodClose]:
    """The boundaries, newest first."""
    cursor = await conn.execute(
        """
        SELECT closed_until, closed_by, reason, closed_at FROM ledger.period_close
        ORDER BY closed_until DESC LIMIT %s
        """,
        [limit],
    )
    return [PeriodClose(*row) for row in await cursor.fetchall()]
