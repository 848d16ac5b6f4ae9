"""The HTTP of what operators see. Must not act: each action belongs to the payment's own capability."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from payments_schema import ids
from payments_schema.cards import lifecycle as cards
from payments_schema.cards import store as card_store
from payments_schema.errors import PaymentNotFound
from payments_schema.ledger import store as ledger
from payments_schema.operations import figures, store, story
from payments_schema.wallets import store as wallet_store
from payments_schema.wire.cards import CardAction
from payments_schema.wire.operations import (
    Kind,
    Overview,
    PaymentLine,
    PaymentLines,
    Queues,
    Step,
    StepKind,
    Story,
)
from payments_schema.wire.wallets import WalletDirection, WalletStatus
from psycopg import AsyncConnection

from payments_api.http.auth import STAFF, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.logs import log
from payments_api.operations.listing import ExportFilter, LineFilter, as_csv

router = APIRouter(prefix="/api/v1/operations", route_class=Door, tags=["operations"])
Caller = Annotated[Principal, Depends(principal)]
_CANCELLABLE = {WalletStatus.INITIATED, WalletStatus.VALIDATING, WalletStatus.PENDING}


@router.get("/payments", openapi_extra=roles(STAFF))
async def list_payments(conn: UnitOfWork, wanted: Annotated[LineFilter, Query()]) -> PaymentLines:
    """List payments of every kind, direct ones too, newest or oldest first."""
    return await store.list_page(conn, wanted.wanted(limit=wanted.limit, cursor=wanted.cursor))


@router.get("/payments.csv", openapi_extra=roles(STAFF), response_class=StreamingResponse)
async def export_payments(
    request: Request, caller: Caller, wanted: Annotated[ExportFilter, Query()]
) -> StreamingResponse:
    """Stream everything that passes the filter as CSV; no cell of it is a formula."""
    log.info("payments exported", client=caller.client)
    headers = {"Content-Disposition": 'attachment; filename="payments.csv"'}
    return StreamingResponse(as_csv(request.app.state.pool, wanted), media_type="text/csv", headers=headers)


@router.get("/payments/{payment_id}", openapi_extra=roles(STAFF))
async def show_story(conn: UnitOfWork, payment_id: str) -> Story:
    """Tell all that happened to a payment of any kind, and what may be done with it now."""
    if ids.parse_uuid(payment_id) is None and not ids.is_id("pay", payment_id):
        raise PaymentNotFound
    line = await store.find(conn, payment_id)
    if line is None:
        raise PaymentNotFound
    transactions = await ledger.transactions(conn, line.id)
    own, remaining = await _of_kind(conn, line)
    steps = [*own, *story.of_ledger(transactions), *await story.of_events(conn, line.id)]
    return Story(
        payment=line,
        actions=list(remaining),
        remaining_minor=remaining,
        steps=sorted(steps, key=lambda step: step.at),
        transactions=transactions,
    )


@router.get("/overview", openapi_extra=roles(STAFF))
async def show_overview(conn: UnitOfWork) -> Overview:
    """Show the last hour of direct payments: volume, outcomes, and how long they took."""
    return await figures.overview(conn, datetime.now(UTC))


@router.get("/queues", openapi_extra=roles(STAFF))
async def show_queues(conn: UnitOfWork) -> Queues:
    """Show the queues with their age, the workers' heartbeats and the schedule."""
    return await figures.queues(conn)


async def _of_kind(conn: AsyncConnection, line: PaymentLine) -> tuple[list[Step], dict[str, int]]:
    """The steps that only this kind has, and its actions with what remains for each."""
    if line.kind is Kind.DIRECT:
        found = ids.parse_uuid(line.id)
        return ([] if found is None else await story.of_direct(conn, found)), {}
    if line.kind is Kind.CARD:
        asked = Step(at=line.created_at, kind=StepKind.REQUEST, title="Authorization asked for", facts={})
        return [asked], await _card_actions(conn, line.id)
    return await _wallet(conn, line.id)


async def _card_actions(conn: AsyncConnection, payment_id: str) -> dict[str, int]:
    payment = await card_store.get(conn, payment_id)
    if cards.is_overdue(payment, datetime.now(UTC)):
        return {}
    remaining = {
        CardAction.CAPTURE: payment.held_minor,
        CardAction.VOID: payment.held_minor,
        CardAction.SETTLE: payment.owed_minor,
        CardAction.REFUND: payment.refundable_minor,
    }
    return {action.value: remaining[action] for action in cards.allowed_actions(payment)}


async def _wallet(conn: AsyncConnection, payment_id: str) -> tuple[list[Step], dict[str, int]]:
    payment = await wallet_store.get(conn, payment_id)
    steps = await story.of_wallet(conn, payment_id)
    steps += [
        Step(at=payment.created_at, kind=StepKind.ROUTING, title="Provider chosen", facts=dict(decision))
        for decision in payment.routing
    ]
    if payment.status in _CANCELLABLE:
        return steps, {"cancel": payment.amount.minor}
    if payment.status is WalletStatus.CONFIRMED and payment.direction is WalletDirection.COLLECT:
        return steps, {"refund": payment.amount.minor}
    return steps, {}
