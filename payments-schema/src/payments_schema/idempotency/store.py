"""SQL of idempotency keys for routes that store their response. Must not run the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from payments_schema.errors import IdempotencyKeyInFlight, IdempotencyKeyReused

Connection = AsyncConnection[TupleRow]


class Fresh(NamedTuple):
    """The key is new and ours until the transaction ends: do the work, then `save`."""


class Stored(NamedTuple):
    """The request was answered before: answer the same again."""

    status: int
    response: Any
    resource_id: str | None


async def claim(
    conn: Connection, client: str, key: str, route: str, request: Mapping[str, Any]
) -> Fresh | Stored:
    """Take a key for this transaction, or learn its stored answer.

    request: the parsed values with defaults filled in, JSON types only; equal requests must be equal here.
    Raises IdempotencyKeyInFlight, IdempotencyKeyReused.
    """
    locked = await conn.execute(
        "SELECT pg_try_advisory_xact_lock(core.idempotency_lock_id(%s, %s))", [client, key]
    )
    row = await locked.fetchone()
    if row is None or not row[0]:
        raise IdempotencyKeyInFlight
    # A second statement, so that it sees what the lock's last holder committed.
    found = await conn.execute(
        "SELECT route, request, status, response, resource_id FROM core.idempotency_key "
        "WHERE client = %s AND key = %s",
        [client, key],
    )
    stored = await found.fetchone()
    if stored is None:
        return Fresh()
    stored_route, stored_request, status, response, resource_id = stored
    if stored_route != route:
        raise IdempotencyKeyReused(["route"])
    differs = differing_fields(cast("Mapping[str, Any]", stored_request or {}), request)
    if differs:
        raise IdempotencyKeyReused(differs)
    return Stored(status, response, resource_id)


async def save(
    conn: Connection,
    client: str,
    key: str,
    route: str,
    request: Mapping[str, Any],
    *,
    status: int,
    response: Any,
    resource_id: str | None = None,
) -> None:
    """Store the answer of a successful request in the transaction that did the work.

    Raises IdempotencyKeyInFlight where another way to this key was quicker; roll back then.
    """
    stored = await conn.execute(
        """
        INSERT INTO core.idempotency_key (client, key, route, request, status, response, resource_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (client, key) DO NOTHING
        """,
        [client, key, route, Jsonb(dict(request)), status, Jsonb(response), resource_id],
    )
    if stored.rowcount == 0:
        # The hot path of direct payments takes keys without the lock, by the unique constraint alone.
        raise IdempotencyKeyInFlight


async def purge(conn: Connection, *, older_than_h: int = 7 * 24, limit: int = 10_000) -> int:
    """Forget keys beyond their time, a bounded number at once; returns how many."""
    if older_than_h < 24:
        raise ValueError("keys are kept for at least 24 hours")
    gone = await conn.execute(
        """
        DELETE FROM core.idempotency_key AS k
        USING (
            SELECT client, key FROM core.idempotency_key
            WHERE created_at < now() - make_interval(hours => %s) LIMIT %s FOR UPDATE SKIP LOCKED) AS old
        WHERE k.client = old.client AND k.key = old.key
        """,
        [older_than_h, limit],
    )
    return gone.rowcount


def differing_fields(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Names of the fields in which two parsed requests differ, sorted; nested ones by their top name."""
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
