"""Does a request once: the stored answer again for a key that was used, the work for a fresh one.

Must not be used by the hot paths, which take their keys set-based.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse
from payments_schema.idempotency import store
from psycopg import AsyncConnection
from pydantic import BaseModel

from payments_api.http.idempotency import REPLAYED


@dataclass(frozen=True, slots=True)
class Asked:
    """A keyed request. body: parsed and complete, JSON types only; route: with its parameters' values."""

    client: str
    key: str
    route: str
    body: dict[str, Any]


async def once(
    conn: AsyncConnection, asked: Asked, act: Callable[[], Awaitable[BaseModel]], *, status: int = 200
) -> JSONResponse:
    """Answer from the store, or act and store the answer in the same transaction.

    Raises IdempotencyKeyInFlight, IdempotencyKeyReused, and whatever `act` raises; then nothing is stored.
    """
    claimed = await store.claim(conn, asked.client, asked.key, asked.route, asked.body)
    if isinstance(claimed, store.Stored):
        return JSONResponse(claimed.response, claimed.status, {REPLAYED: "true"})
    answer = (await act()).model_dump(mode="json", by_alias=True)
    await store.save(conn, asked.client, asked.key, asked.route, asked.body, status=status, response=answer)
    return JSONResponse(answer, status)
