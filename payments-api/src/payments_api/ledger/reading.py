"""The HTTP of reading the books: accounts, statements, balances at any moment, totals, the journal.

Must not write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from payments_schema import ids
from payments_schema.database.pool import unit_of_work
from payments_schema.errors import InvalidCursor, NotFound
from payments_schema.ledger import audit, history, rolling, store
from payments_schema.ledger.exchange import exporting
from payments_schema.money import major
from payments_schema.wire.books import (
    AccountPage,
    ChartLineView,
    Clock,
    JournalForm,
    PastBalance,
    Statement,
    TrialBalance,
    TrialLineView,
)
from payments_schema.wire.ledger import Direction, Integrity
from psycopg import AsyncConnection
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.auth import STAFF
from payments_api.http.door import Door, roles
from payments_api.http.text import AbsentWhenEmpty, Moment, SearchText
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.ledger import render

router = APIRouter(prefix="/api/v1/ledger", route_class=Door, tags=["ledger"])
_CHAIN = rolling.Rounds()
_MEDIA = {"csv": "text/csv", "jsonl": "application/jsonl", "beancount": "text/plain"}


class AccountFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    kind: Annotated[SearchText | None, AbsentWhenEmpty] = Field(None, description="`platform`, `customer`, …")
    code: Annotated[SearchText | None, AbsentWhenEmpty] = None
    currency: Annotated[SearchText | None, AbsentWhenEmpty] = None


class PageFilter(BaseModel):
    """One page of a listing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None


@router.get("/integrity", openapi_extra=roles(STAFF))
async def show_integrity(conn: UnitOfWork) -> Integrity:
    """Check the books as they stand now; offenders are named.

    The chain of digests is checked from its newest blocks on, and the older ones in rounds, a stretch a call.
    """
    books, chain = await audit.integrity(conn), await _CHAIN.next(conn)
    return Integrity(ok=books.ok and chain.ok, checks=[*books.checks, chain])


@router.get("/accounts", openapi_extra=roles(STAFF))
async def list_accounts(conn: UnitOfWork, wanted: Annotated[AccountFilter, Query()]) -> AccountPage:
    """List the accounts of the ledger with their balances, oldest first."""
    after = 0 if wanted.cursor is None else ids.parse_sequence_id("acc", wanted.cursor)
    if after is None:
        raise InvalidCursor("cursor is not one of ours")
    rows = await history.accounts(
        conn,
        limit=wanted.limit + 1,
        after=after,
        owner_kind=wanted.kind,
        code=wanted.code,
        currency=wanted.currency,
    )
    shown = [render.account(row) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    return AccountPage(data=shown, has_more=more, next_cursor=shown[-1].id if more else None)


async def _account(conn: AsyncConnection, account_id: str) -> history.AccountRow:
    number = ids.parse_sequence_id("acc", account_id)
    rows = [] if not number else await history.accounts(conn, limit=1, after=number - 1)
    if not rows or rows[0].number != number:
        raise NotFound("No such account")
    return rows[0]


@router.get("/accounts/{account_id}/statement", openapi_extra=roles(STAFF))
async def show_statement(
    conn: UnitOfWork, account_id: str, wanted: Annotated[PageFilter, Query()]
) -> Statement:
    """Show an account's entries, newest first, each with the balance it left behind."""
    row = await _account(conn, account_id)
    if wanted.cursor is not None and not (wanted.cursor.isascii() and wanted.cursor.isdecimal()):
        raise InvalidCursor("cursor is not one of ours")
    before = None if wanted.cursor is None else min(int(wanted.cursor[:20]), 2**62)
    lines = await store.statement(
        conn, row.account, row.currency, limit=wanted.limit + 1, before_version=before
    )
    shown = [render.statement_line(line) for line in lines[: wanted.limit]]
    more = len(lines) > wanted.limit
    return Statement(
        account=render.account(row),
        data=shown,
        has_more=more,
        next_cursor=str(shown[-1].version) if more else None,
    )


@router.get("/accounts/{account_id}/balance", openapi_extra=roles(STAFF))
async def show_past_balance(
    conn: UnitOfWork,
    account_id: str,
    at: Annotated[Moment | None, Query(description="A moment with a time zone; now without.")] = None,
    clock: Clock = Clock.EFFECTIVE,
) -> PastBalance:
    """Show what an account held at a moment: as it was, or as we knew it then."""
    row = await _account(conn, account_id)
    moment = at or datetime.now(UTC)
    held = await history.balance_at(conn, row.account, row.currency, moment, recorded=clock is Clock.RECORDED)
    return PastBalance(
        account_id=account_id, currency=row.currency, balance=held.major(), at=moment, clock=clock
    )


@router.get("/trial-balance", openapi_extra=roles(STAFF))
async def show_trial_balance(conn: UnitOfWork) -> TrialBalance:
    """Add up every account by currency."""
    lines = await history.trial_balance(conn)
    off: dict[str, int] = {}
    for line in lines:
        off[line.currency] = off.get(line.currency, 0) + line.debits - line.credits
    return TrialBalance(
        balanced=not any(off.values()),
        data=[
            TrialLineView(
                account=line.account,
                currency=line.currency,
                type=line.type,
                debits=major(line.debits, line.currency),
                credits=major(line.credits, line.currency),
            )
            for line in lines
        ],
    )


@router.get("/chart", openapi_extra=roles(STAFF))
async def show_chart(conn: UnitOfWork) -> list[ChartLineView]:
    """List the chart of accounts."""
    return [
        ChartLineView(
            code=line.code, type=line.type, normal_side=Direction(line.normal_side), purpose=line.purpose
        )
        for line in await history.chart(conn)
    ]


@router.get("/journal", openapi_extra=roles(STAFF), response_class=StreamingResponse)
async def export_journal(
    request: Request,
    form: JournalForm = JournalForm.JSONL,
    since: Annotated[Moment | None, Query(description="Effective then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Effective before.")] = None,
) -> StreamingResponse:
    """Stream the posted entries as CSV, JSON lines or beancount."""

    async def pieces() -> AsyncIterator[str]:
        # A unit of work of its own: the request's would end before the stream does.
        async with unit_of_work(request.app.state.pool) as conn:
            journal = exporting.legs(conn, since=since, until=until)
            async for piece in exporting.write(journal, form.value):
                yield piece

    headers = {"Content-Disposition": f'attachment; filename="journal.{form.value}"'}
    return StreamingResponse(pieces(), media_type=_MEDIA[form.value], headers=headers)
