"""SQL of whether there is something to tell. Must write and lock nothing: it is asked again and again."""

from __future__ import annotations

from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


class News(NamedTuple):
    """What there is to tell.

    has_readers: somebody subscribed. is_there: a subscription has not looked at it. is_coming: recorded, but
    not to be listed before older transactions have ended.
    """

    has_readers: bool
    is_there: bool
    is_coming: bool


async def look(conn: Connection) -> News:
    """Whether something happened that a subscription has not looked at; writes and locks nothing."""
    found = await conn.execute(
        """
        -- The nearest and the farthest by the index: as EXISTS they were looked for through all events.
        SELECT count(*) > 0,
            coalesce(bool_or(n.nearest < pg_snapshot_xmin(pg_current_snapshot())), false),
            coalesce(bool_or(n.farthest >= pg_snapshot_xmin(pg_current_snapshot())), false)
        FROM (
            SELECT
                (SELECT e.transaction FROM core.event AS e
                WHERE (e.transaction, e.id) > (s.seen_transaction, s.seen_id)
                ORDER BY e.transaction, e.id LIMIT 1) AS nearest,
                (SELECT e.transaction FROM core.event AS e
                WHERE (e.transaction, e.id) > (s.seen_transaction, s.seen_id)
                ORDER BY e.transaction DESC, e.id DESC LIMIT 1) AS farthest
            FROM core.webhook_subscription AS s WHERE s.status = 'enabled') AS n
        """
    )
    return News(*(await found.fetchall())[0])


DUE: LiteralString = """
EXISTS (
    SELECT FROM core.webhook_subscription AS s WHERE s.status = 'enabled' AND EXISTS (
        SELECT FROM core.webhook_delivery AS d
        WHERE d.subscription_id = s.id AND d.status = 'pending' AND d.due_at <= now()
            AND (d.leased_until IS NULL OR d.leased_until < now())))
"""
"""As an expression: whether a delivery's turn may have come."""
