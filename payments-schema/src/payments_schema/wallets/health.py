"""SQL of how the providers are: what breakers let through, what our float is there, what is under way.

Must not judge: whoever shows it names the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from payments_schema.database.arrays import texts

Connection = AsyncConnection[Any]


class ProviderFacts(NamedTuple):
    """What is known of one provider; None where nobody has asked or noted it yet."""

    provider: str
    breaker: str | None
    breaker_noted_at: datetime | None
    balance_minor: int | None
    balance_checked_at: datetime | None
    balance_error: str | None
    open_attempts: int
    unknown_attempts: int


_FACTS: LiteralString = """
SELECT n.provider, h.breaker, h.noted_at AS breaker_noted_at, b.balance_minor,
    b.checked_at AS balance_checked_at, b.error AS balance_error,
    coalesce(o.open, 0) AS open_attempts, coalesce(o.unknown, 0) AS unknown_attempts
FROM unnest(%s::text[]) WITH ORDINALITY AS n (provider, place)
LEFT JOIN core.wallet_provider_health AS h ON h.provider = n.provider
LEFT JOIN core.wallet_provider AS b ON b.provider = n.provider AND b.currency = %s
LEFT JOIN (
    SELECT a.provider, count(*) AS open, count(*) FILTER (WHERE a.state IN ('unknown', 'sending')) AS unknown
    FROM core.wallet_payment AS p
    JOIN core.wallet_attempt AS a ON a.payment_id = p.id AND a.resolved_at IS NULL
    WHERE p.due_at IS NOT NULL
    GROUP BY a.provider
) AS o ON o.provider = n.provider
ORDER BY n.place
"""


async def facts(conn: Connection, providers: list[str], currency: str) -> list[ProviderFacts]:
    """What is known of each, in the order asked for."""
    async with conn.cursor(row_factory=class_row(ProviderFacts)) as cursor:
        await cursor.execute(_FACTS, [texts(providers), currency])
        return await cursor.fetchall()


_NOTE: LiteralString = """
INSERT INTO core.wallet_provider_health AS h (provider, breaker, noted_by, noted_at)
SELECT n.provider, n.breaker, %s, %s FROM unnest(%s::text[], %s::text[]) AS n (provider, breaker)
ORDER BY n.provider
ON CONFLICT (provider) DO UPDATE
SET breaker = excluded.breaker, noted_by = excluded.noted_by, noted_at = excluded.noted_at
WHERE h.breaker <> excluded.breaker
"""


async def note_breakers(conn: Connection, states: Mapping[str, str], worker: str, now: datetime) -> None:
    """Write down what each breaker lets through; what is the same stays as it was noted."""
    names = sorted(states)
    await conn.execute(_NOTE, [worker, now, texts(names), texts([states[name] for name in names])])
