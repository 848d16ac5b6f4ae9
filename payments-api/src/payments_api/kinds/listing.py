"""Lists payments of every kind as one list. Must not know a kind's SQL, only that it can be read by id.

Each kind has a table of its own, so that each stays narrow and is found by its own indexes; a page takes one
page of each kind and merges them by id, which costs the same at a million rows as at ten.
"""

from __future__ import annotations

import heapq
import json
from typing import Annotated

from payments_schema import ids
from payments_schema.errors import InvalidCursor
from payments_schema.wire.cards import CardStatus, PaymentKind
from payments_schema.wire.wallets import WalletStatus
from pydantic import BaseModel, ConfigDict, Field

from payments_api.batching import Connection
from payments_api.http.text import AbsentWhenEmpty, SearchText
from payments_api.kinds.registry import Kinds


class ListFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    status: Annotated[CardStatus | WalletStatus | None, AbsentWhenEmpty] = None
    kind: Annotated[PaymentKind | None, AbsentWhenEmpty] = None


async def list_payments(conn: Connection, kinds: Kinds, wanted: ListFilter, client: str | None) -> bytes:
    """Return one page, of `client`'s payments alone where one is given. Raises InvalidCursor."""
    if wanted.cursor is not None and not ids.is_id("pay", wanted.cursor):
        raise InvalidCursor("cursor is not one of ours")
    pages = [
        await kind.page(
            conn, limit=wanted.limit + 1, before=wanted.cursor, status=wanted.status, client=client
        )
        for kind in kinds
        if wanted.kind in (None, kind.name)
    ]
    merged = list(heapq.merge(*pages, key=lambda members: str(members["id"]), reverse=True))
    data = merged[: wanted.limit]
    has_more = len(merged) > wanted.limit
    page = {
        "object": "list",
        "data": data,
        "has_more": has_more,
        "next_cursor": data[-1]["id"] if has_more else None,
    }
    return json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()
