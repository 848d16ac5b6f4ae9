"""SQL of what is still open between provider statements and our books, and its age. Must not match it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class StatementLine(NamedTuple):
    """A line of a provider's statement; effect_minor is signed, the fee taken off."""

    id: int
    provider: str
    provider_id: str
    reference: str
    effect_minor: int
    fee_minor: int
    currency: str
    at: datetime
    state: str


class Bucket(NamedTuple):
    """What is open of one age. side: `stated` has no payment yet, `booked` no statement line."""

    provider: str
    currency: str
    side: str
    days: str
    items: int
    sum_minor: int


async def lines(
    conn: Connection, *, provider: str | None, state: str | None, limit: int, after: int
) -> list[StatementLine]:
    """Statement lines by their numbers, which is the order they were taken in."""
    async with conn.cursor(row_factory=class_row(StatementLine)) as cursor:
        await cursor.execute(
            """
            SELECT id, provider, provider_id, reference, effect_minor, fee_minor, currency, at, state
            FROM core.wallet_statement_line
            WHERE id > %(after)s AND (%(provider)s::text IS NULL OR provider = %(provider)s)
                AND (%(state)s::text IS NULL OR state = %(state)s)
            ORDER BY id LIMIT %(limit)s
            """,
            {"after": after, "provider": provider, "state": state, "limit": limit},
            prepare=False,
        )
        return await cursor.fetchall()


_OPEN: LiteralString = """
WITH open AS (
    SELECT l.provider, l.currency, 'stated' AS side, l.at, l.effect_minor
    FROM core.wallet_statement_line AS l
    WHERE l.state <> 'matched'
    UNION ALL
    SELECT a.provider, p.currency, 'booked', a.resolved_at,
        CASE WHEN p.direction = 'collect' AND a.purpose = 'payment' THEN p.amount_minor
            ELSE -p.amount_minor END - a.fee_minor
    FROM core.wallet_attempt AS a
    JOIN core.wallet_payment AS p ON p.id = a.payment_id
    WHERE a.state = 'succeeded' AND a.resolved_at > %(now)s::timestamptz - interval '90 days'
        AND NOT EXISTS (
            SELECT FROM core.wallet_match AS m
            WHERE m.provider = a.provider AND m.attempts @> ARRAY[a.reference] AND m.state = 'confirmed')
)
SELECT o.provider, o.currency, o.side,
    CASE WHEN o.at > %(now)s::timestamptz - interval '1 day' THEN '0-1'
        WHEN o.at > %(now)s::timestamptz - interval '7 days' THEN '1-7'
        WHEN o.at > %(now)s::timestamptz - interval '30 days' THEN '7-30'
        ELSE '30+' END AS days,
    count(*) AS items, sum(o.effect_minor)::bigint AS sum_minor
FROM open AS o
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, min(o.at) DESC
"""


async def buckets(conn: Connection, now: datetime) -> list[Bucket]:
    """What is open on either side by provider, currency and age; of our books the last ninety days."""
    async with conn.cursor(row_factory=class_row(Bucket)) as cursor:
        await cursor.execute(_OPEN, {"now": now})
        return await cursor.fetchall()
