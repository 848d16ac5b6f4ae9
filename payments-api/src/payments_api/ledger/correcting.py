"""The HTTP of corrections: reverse, adjust, close a period. Must not change a row; each is something new."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from payments_schema import ids
from payments_schema.approvals import rules as approvals
from payments_schema.errors import InvalidCursor, NotFound
from payments_schema.ledger import corrections, history, periods
from payments_schema.money import parse_major
from payments_schema.payments import store as payments
from payments_schema.wire.books import (
    AdjustDifference,
    AdjustmentAction,
    AdjustmentView,
    ClosePeriod,
    Correction,
    DifferencePage,
    DifferenceView,
    PeriodView,
)
from payments_schema.wire.ledger import LedgerTransaction
from psycopg import AsyncConnection

from payments_api.http.auth import OPERATORS, STAFF, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.idempotency import IdempotencyKey
from payments_api.http.once import Asked, once
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.ledger import render
from payments_api.ledger.reading import PageFilter

router = APIRouter(prefix="/api/v1/ledger", route_class=Door, tags=["ledger"])
Caller = Annotated[Principal, Depends(principal)]


@router.get("/transactions/{transaction_id}", openapi_extra=roles(STAFF))
async def show_transaction(conn: UnitOfWork, transaction_id: str) -> LedgerTransaction:
    """Show a transaction with its entries."""
    return await history.transaction(conn, transaction_id)


@router.post(
    "/transactions/{transaction_id}/reverse",
    status_code=201,
    response_model=LedgerTransaction,
    openapi_extra=roles(OPERATORS),
)
async def reverse_transaction(
    conn: UnitOfWork, caller: Caller, key: IdempotencyKey, transaction_id: str, body: Correction
) -> Response:
    """Take back an import or an adjustment, once; a payment's own transactions have moves of their own."""

    async def act() -> LedgerTransaction:
        number = await corrections.reverse(conn, transaction_id, reason=body.reason, actor=caller.client)
        return await history.transaction(conn, ids.sequence_id("txn", number))

    route = f"POST /api/v1/ledger/transactions/{transaction_id}/reverse"
    return await once(conn, Asked(caller.client, key, route, body.model_dump(mode="json")), act, status=201)


@router.get("/differences", openapi_extra=roles(STAFF))
async def list_differences(conn: UnitOfWork, wanted: Annotated[PageFilter, Query()]) -> DifferencePage:
    """List what waits in suspense, oldest first."""
    if wanted.cursor is not None and not (wanted.cursor.isascii() and wanted.cursor.isdecimal()):
        raise InvalidCursor("cursor is not one of ours")
    after = 0 if wanted.cursor is None else min(int(wanted.cursor[:20]), 2**62)
    rows = await corrections.open_differences(conn, limit=wanted.limit + 1, after=after)
    shown, more = rows[: wanted.limit], len(rows) > wanted.limit
    return DifferencePage(
        data=[
            DifferenceView(
                payment_id=difference.payment_id,
                amount=difference.amount.major(),
                currency=difference.amount.currency,
                since=difference.since,
            )
            for _, difference in shown
        ],
        has_more=more,
        next_cursor=str(shown[-1][0]) if more else None,
    )


@router.get("/differences/{payment_id}/adjustments", openapi_extra=roles(STAFF))
async def list_adjustments(conn: UnitOfWork, payment_id: str) -> list[AdjustmentView]:
    """List what was done about a payment's difference, oldest first."""
    await _currency(conn, payment_id)
    return [render.adjustment(row) for row in await corrections.adjustments(conn, payment_id)]


async def _currency(conn: AsyncConnection, payment_id: str) -> str:
    found = ids.parse_uuid(payment_id)
    if found is None:
        raise NotFound("No difference was ever open for this payment")
    return (await payments.get(conn, found)).payment.currency


@router.post(
    "/differences/{payment_id}/adjust",
    status_code=201,
    response_model=AdjustmentView,
    openapi_extra=roles(OPERATORS),
)
async def adjust_difference(
    request: Request,
    conn: UnitOfWork,
    caller: Caller,
    key: IdempotencyKey,
    payment_id: str,
    body: AdjustDifference,
) -> Response:
    """Resolve or write off (a part of) a difference, with the reason."""
    limit: Decimal | None = request.app.state.settings.approval_limit
    currency = await _currency(conn, payment_id)
    amount = None if body.amount is None else parse_major(body.amount, currency)

    async def act() -> AdjustmentView:
        made = await corrections.adjust(
            conn, payment_id, body.action.value, amount, reason=body.reason, actor=caller.client
        )
        if body.action is AdjustmentAction.WRITE_OFF:
            # Raised here, the adjustment is rolled back with everything else of this request.
            approvals.require_none(limit, await corrections.written_off(conn, payment_id, currency))
        return render.adjustment(made)

    asked = {**body.model_dump(mode="json"), "amount": None if amount is None else amount.major()}
    route = f"POST /api/v1/ledger/differences/{payment_id}/adjust"
    return await once(conn, Asked(caller.client, key, route, asked), act, status=201)


@router.get("/periods", openapi_extra=roles(STAFF))
async def list_periods(conn: UnitOfWork) -> list[PeriodView]:
    """List the boundaries of closed periods, newest first."""
    return [PeriodView(**close._asdict()) for close in await periods.listed(conn)]


@router.post("/periods", status_code=201, response_model=PeriodView, openapi_extra=roles(OPERATORS))
async def close_period(conn: UnitOfWork, caller: Caller, key: IdempotencyKey, body: ClosePeriod) -> Response:
    """Close everything before a moment; what is dated into it later goes to the open period."""

    async def act() -> PeriodView:
        closed = await periods.close(conn, body.until, by=caller.client, reason=body.reason)
        return PeriodView(**closed._asdict())

    asked = Asked(caller.client, key, "POST /api/v1/ledger/periods", body.model_dump(mode="json"))
    return await once(conn, asked, act, status=201)
