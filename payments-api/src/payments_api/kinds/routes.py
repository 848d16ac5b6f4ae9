"""The HTTP that all kinds of payments share. Must not know a kind: the registry's answer in turn."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from payments_schema.database.pool import unit_of_work
from payments_schema.errors import PaymentNotFound
from payments_schema.wire.cards import CardPaymentView
from payments_schema.wire.listing import PaymentList
from payments_schema.wire.wallets import WalletView

from payments_api.batching import Connection
from payments_api.http.auth import READERS, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.kinds.listing import ListFilter, list_payments
from payments_api.kinds.registry import Kind, Kinds, Onlooker, PaymentLedger

router = APIRouter(prefix="/api/v1/payments", route_class=Door, tags=["payments of every kind"])
Caller = Annotated[Principal, Depends(principal)]
_JSON = "application/json"


@router.get("", response_model=PaymentList, openapi_extra=roles(READERS))
@router.get("/", response_model=PaymentList, openapi_extra=roles(READERS), include_in_schema=False)
async def show_list(
    request: Request, conn: UnitOfWork, caller: Caller, wanted: Annotated[ListFilter, Query()]
) -> Response:
    """List payments of all kinds, newest first."""
    who = Onlooker(request.app.state, caller)
    return Response(await list_payments(conn, who.state.kinds, wanted, who.owner), media_type=_JSON)


@router.get("/{payment_id}", response_model=CardPaymentView | WalletView, openapi_extra=roles(READERS))
async def show(request: Request, conn: UnitOfWork, caller: Caller, payment_id: str) -> Response:
    """Show a payment; a hold whose time is over is released by looking at it."""
    _, shown = await _find(conn, Onlooker(request.app.state, caller), payment_id)
    return Response(shown, media_type=_JSON)


@router.get("/{payment_id}/ledger", openapi_extra=roles(READERS))
async def show_ledger(request: Request, caller: Caller, payment_id: str) -> PaymentLedger:
    """Show what a payment posted, as transactions and as accounts, and what follows from that alone."""
    who = Onlooker(request.app.state, caller)
    async with unit_of_work(who.state.pool) as conn:
        kind, _ = await _find(conn, who, payment_id)
    async with unit_of_work(who.state.pool) as conn:
        return await kind.ledger(conn, payment_id)


async def _find(conn: Connection, who: Onlooker, payment_id: str) -> tuple[Kind, bytes]:
    kinds: Kinds = who.state.kinds
    for kind in kinds:
        try:
            return kind, await kind.show(conn, who, payment_id)
        except PaymentNotFound:
            continue
    raise PaymentNotFound
