"""What sliding windows saw of the providers: successes, failures of theirs, latency. Must not judge them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection

from payments_schema.wallets.routing import Window
from payments_schema.wire.wallets import WalletProvider

Connection = AsyncConnection[Any]
WINDOW = timedelta(minutes=15)
MOST_SAMPLES = 500

# A refusal that speaks of the provider leaves the others a chance; one that speaks of the payment does not.
ABOUT_THE_PROVIDER = frozenset(
    {
        "SERVICE_UNAVAILABLE",
        "INTERNAL_PROCESSING_ERROR",
        "NOT_ALLOWED",
        "NOT_ALLOWED_TARGET_ENVIRONMENT",
        "INVALID_CALLBACK_URL_HOST",
        "INVALID_CURRENCY",
        "PAYEE_NOT_ALLOWED_TO_RECEIVE",
        "COULD_NOT_PERFORM_TRANSACTION",
        "UNDELIVERABLE",
    }
)

_WINDOWS: LiteralString = """
SELECT p.provider, count(*) FILTER (WHERE a.state = 'succeeded'),
    count(*) FILTER (WHERE a.state = 'failed' AND a.code = ANY (%(theirs)s)),
    coalesce(avg(extract(epoch FROM a.resolved_at - a.created_at) * 1000), 0)::bigint
FROM unnest(%(providers)s::text[]) AS p (provider)
CROSS JOIN LATERAL (
    SELECT state, code, resolved_at, created_at FROM core.wallet_attempt
    WHERE provider = p.provider AND resolved_at > %(since)s
    ORDER BY resolved_at DESC LIMIT %(most)s
) AS a
GROUP BY p.provider
"""


async def windows(
    conn: Connection, providers: Sequence[WalletProvider], now: datetime
) -> dict[WalletProvider, Window]:
    """The last quarter of an hour of each provider, at most five hundred attempts; unseen ones are absent."""
    values = {
        "theirs": list(ABOUT_THE_PROVIDER),
        "providers": [provider.value for provider in providers],
        "since": now - WINDOW,
        "most": MOST_SAMPLES,
    }
    found = await (await conn.execute(_WINDOWS, values)).fetchall()
    return {WalletProvider(name): Window(ok, failed, ms) for name, ok, failed, ms in found}
