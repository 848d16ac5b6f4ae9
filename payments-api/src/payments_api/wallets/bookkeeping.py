"""The HTTP of provider statements, their matches, balances and daily reports. Must not hold a rule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from payments_schema.wallets import reports, statements
from payments_schema.wire.statements import DecideMatch, MatchView
from pydantic import Field

from payments_api.http.auth import OPERATORS, STAFF, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.idempotency import IdempotencyKey
from payments_api.http.once import Asked, once
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/wallets", route_class=Door, tags=["wallets"])
Caller = Annotated[Principal, Depends(principal)]


@router.get("/matches", openapi_extra=roles(STAFF))
async def list_matches(
    conn: UnitOfWork,
    state: Literal["proposed", "confirmed", "rejected"] | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[MatchView]:
    """List matches of provider statements with our books; proposals wait for an operator."""
    return [MatchView(**row) for row in await statements.list_matches(conn, state, limit)]


@router.post("/matches/{match_id}/decide", response_model=MatchView, openapi_extra=roles(OPERATORS))
async def decide_match(
    conn: UnitOfWork,
    caller: Caller,
    key: IdempotencyKey,
    match_id: Annotated[int, Field(ge=1, le=2**62)],
    body: DecideMatch,
) -> Response:
    """Confirm a proposal, whose difference the ledger then books, or reject it."""

    async def act() -> MatchView:
        accept = body.decision == "confirm"
        row = await statements.decide(conn, match_id, caller.client, accept, datetime.now(UTC))
        return MatchView(**row)

    route = f"POST /api/v1/wallets/matches/{match_id}/decide"
    return await once(conn, Asked(caller.client, key, route, body.model_dump(mode="json")), act)


@router.get(
    "/reports/{day}",
    responses={200: {"content": {"text/csv": {}, "text/html": {}}}},
    openapi_extra=roles(STAFF),
)
async def show_report(
    conn: UnitOfWork, day: date, format: Literal["json", "csv", "html"] = "json"
) -> Response:
    """Show the report of a day (UTC) per provider and currency: JSON, CSV, or a page to print."""
    rows: list[dict[str, Any]] = await reports.read(conn, day)
    if format == "csv":
        return Response(reports.as_csv(rows), media_type="text/csv")
    if format == "html":
        return Response(reports.as_page(day, rows), media_type="text/html")
    return Response(reports.as_json(rows), media_type="application/json")
