"""SQL of idempotency keys for many requests at once. Must not run a request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.database.arrays import ints, texts

Connection = AsyncConnection[TupleRow]
_encode = json.JSONEncoder(ensure_ascii=False).encode


class Claim(NamedTuple):
    """Whether a key is this transaction's, and what is stored with it; `route` is None where nothing is."""

    is_ours: bool
    route: str | None
    request: dict[str, Any] | None
    status: int | None
    response: Any


class KeptAnswer(NamedTuple):
    """The answer of a successful request, to be given again to its key."""

    client: str
    key: str
    route: str
    request: Mapping[str, Any]
    status: int
    response: Any
    resource_id: str | None


_CLAIM: LiteralString = "SELECT is_ours, route, request, status, response FROM core.claim_keys(%s, %s)"


async def claim_many(conn: Connection, keys: Sequence[tuple[str, str]]) -> list[Claim]:
    """Take the keys (client, key) that nobody else has, until the transaction ends; claims in order."""
    if not keys:
        return []
    claimed = await conn.execute(
        _CLAIM, [texts([client for client, _ in keys]), texts([key for _, key in keys])]
    )
    return [Claim(*row) for row in await claimed.fetchall()]


_SAVE: LiteralString = """
INSERT INTO core.idempotency_key (client, key, route, request, status, response, resource_id)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::smallint[], %s::jsonb[], %s::text[])
"""


async def save_many(conn: Connection, answers: Sequence[KeptAnswer]) -> None:
    """Store answers in the transaction that did the work, in the order of their keys.

    Raises UniqueViolation where another way to a key was quicker; roll back then, and ask again.
    """
    if not answers:
        return
    ordered = sorted(answers, key=lambda answer: (answer.client, answer.key))
    await conn.execute(
        _SAVE,
        [
            texts([answer.client for answer in ordered]),
            texts([answer.key for answer in ordered]),
            texts([answer.route for answer in ordered]),
            texts([_encode(answer.request) for answer in ordered]),
            ints([answer.status for answer in ordered]),
            texts([_encode(answer.response) for answer in ordered]),
            texts([answer.resource_id for answer in ordered]),
        ],
    )
