"""Lists payments of every kind as one list. Must not know a kind's SQL, only that it can be read by id.

Each kind has a table of its own, so that each stays narrow and is found by its own indexes; a page takes one
page of each kind and merges them by id, which costs the same at a million rows as at ten.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from payments_schema import ids
from payments_schema.cards import store as cards
from payments_schema.errors import InvalidCursor
from payments_schema.wallets import store as wallets
from payments_schema.wire.cards import CardStatus, PaymentKind
from payments_schema.wire.wallets import WalletStatus
from pydantic import BaseModel, ConfigDict, Field

from payments_api.batching import Connection
from payments_api.cards.render import payment_members
from payments_api.http.text import AbsentWhenEmpty, SearchText
from payments_api.wallets import render

Members = dict[str, Any]
Source = Callable[[Connection, int, str | None, str | None, str | None], Awaitable[list[Members]]]


class ListFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    status: Annotated[CardStatus | WalletStatus | None, AbsentWhenEmpty] = None
    kind: Annotated[PaymentKind | None, AbsentWhenEmpty] = None


async def _cards(
    conn: Connection, limit: int, before: str | None, status: str | None, client: str | None
) -> list[Members]:
    found = await cards.list_before(conn, limit=limit, before=before, status=status, client=client)
    return [payment_members(payment) for payment in found]


async def _wallets(
    conn: Connection, limit: int, before: str | None, status: str | None, client: str | None
) -> list[Members]:
    found = await wallets.list_before(conn, limit=limit, before=before, status=status, client=client)
    return [render.view(payment).model_dump(mode="json") for payment in found]


# A further kind adds its source here; its members must have an `id` of the same time-ordered form.
SOURCES: Mapping[PaymentKind, Source] = {PaymentKind.CARD: _cards, PaymentKind.WALLET: _wallets}


async def list_payments(conn: Connection, wanted: ListFilter, client: str | None) -> bytes:
    """Return one page, of `client`'s payments alone where one is given. Raises InvalidCursor."""
    if wanted.cursor is not None and not ids.is_id("pay", wanted.cursor):
        raise InvalidCursor("cursor is not one of ours")
    sources = [source for kind, source in SOURCES.items() if wanted.kind in (None, kind)]
    pages = [await source(conn, wanted.limit + 1, wanted.cursor, wanted.status, client) for source in sources]
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
