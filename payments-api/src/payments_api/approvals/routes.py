"""The HTTP of what waits for a second person. Must not hold a rule."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from payments_schema.approvals import store
from payments_schema.errors import InvalidCursor
from payments_schema.wire.approvals import (
    ApprovalPage,
    ApprovalState,
    ApprovalView,
    AskApproval,
    DecideApproval,
)
from pydantic import BaseModel, ConfigDict, Field

from payments_api.approvals import operations
from payments_api.approvals.deeds import Deeds
from payments_api.http.auth import OPERATORS, STAFF, Principal, Role
from payments_api.http.door import Door, principal, roles
from payments_api.http.idempotency import IdempotencyKey
from payments_api.http.once import Asked, once
from payments_api.http.text import AbsentWhenEmpty, SearchText
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/approvals", route_class=Door, tags=["approvals"])
Caller = Annotated[Principal, Depends(principal)]
Number = Annotated[int, Path(ge=1, le=2**62)]
APPROVERS = frozenset({Role.APPROVER})


class ApprovalFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Annotated[ApprovalState | None, AbsentWhenEmpty] = None
    limit: int = Field(50, ge=1, le=200)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None


def _deeds(request: Request) -> Deeds:
    return request.app.state.deeds


@router.post(
    "",
    status_code=201,
    response_model=ApprovalView,
    responses={404: {"description": "There is no such payment"}},
    openapi_extra=roles(OPERATORS),
)
async def ask(
    request: Request, conn: UnitOfWork, caller: Caller, key: IdempotencyKey, body: AskApproval
) -> Response:
    """Ask a second person to agree to a refund or a write-off."""
    asked = Asked(caller.client, key, "POST /api/v1/approvals", body.model_dump(mode="json"))
    return await once(
        conn, asked, lambda: operations.ask(conn, _deeds(request), body, caller.client), status=201
    )


@router.get("", openapi_extra=roles(STAFF))
async def list_approvals(conn: UnitOfWork, wanted: Annotated[ApprovalFilter, Query()]) -> ApprovalPage:
    """List requests, newest first."""
    cursor = wanted.cursor
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidCursor("cursor is not one of ours")
    states = [] if wanted.state is None else [wanted.state]
    before = None if cursor is None else int(cursor)
    found = await store.list_page(conn, limit=wanted.limit + 1, before=before, states=states)
    shown, more = found[: wanted.limit], len(found) > wanted.limit
    return ApprovalPage(data=shown, has_more=more, next_cursor=str(shown[-1].id) if more else None)


@router.get("/{approval_id}", openapi_extra=roles(STAFF))
async def show(conn: UnitOfWork, approval_id: Number) -> ApprovalView:
    """Show a request and what became of it."""
    return await store.get(conn, approval_id)


@router.post("/{approval_id}/withdraw", openapi_extra=roles(OPERATORS))
async def withdraw(conn: UnitOfWork, caller: Caller, approval_id: Number) -> ApprovalView:
    """Take one's own request back while it waits."""
    return await operations.withdraw(conn, approval_id, caller.client)


@router.post("/{approval_id}/decide", openapi_extra=roles(APPROVERS))
async def decide(
    request: Request, caller: Caller, key: IdempotencyKey, approval_id: Number, body: DecideApproval
) -> ApprovalView:
    """Agree, and have it done at once, or reject; never for one's own request.

    It is done once whatever the key: the approval itself is what is not done twice.
    """
    del key  # required like on every request that moves money
    return await operations.decide(request.app.state, _deeds(request), approval_id, body, caller.client)
