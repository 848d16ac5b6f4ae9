"""The HTTP of wallet payments. Must not hold a rule: it reads, calls an operation, and writes the answer."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from payments_schema.approvals import rules as approvals
from payments_schema.wallets import lifecycle, store
from payments_schema.wallets.lifecycle import Change, WalletPayment
from payments_schema.wire.wallets import (
    CancelWallet,
    DecideReview,
    GiveVoucher,
    InitiateWallet,
    RefundWallet,
    Review,
    RoutingView,
    WalletDetail,
    WalletStatus,
    WalletView,
)
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.auth import OPERATORS, PAYERS, READERS, STAFF, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.idempotency import IdempotencyKey
from payments_api.http.once import Asked, once
from payments_api.http.text import AbsentWhenEmpty
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.wallets import operations, render

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["wallets"])
Caller = Annotated[Principal, Depends(principal)]
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def _owner(caller: Principal) -> str | None:
    return caller.client if caller.sees_only_own else None


def traceparent_of(request: Request) -> str:
    """The caller's trace (W3C) where there is one in due form, else a new one: it goes to the provider."""
    header = request.headers.get("traceparent", "")
    if _TRACEPARENT.fullmatch(header):
        return header
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


@router.post("/payments/initiate", status_code=202, response_model=WalletView, openapi_extra=roles(PAYERS))
async def initiate(
    request: Request, conn: UnitOfWork, caller: Caller, key: IdempotencyKey, body: InitiateWallet
) -> Response:
    """Start a payment to a wallet (or from one, with `direction: collect`); a worker carries it out."""

    async def act() -> WalletView:
        terms = request.app.state.wallet_terms
        made = await operations.initiate(conn, terms, caller.client, body, traceparent_of(request))
        return render.view(made)

    asked = {**body.model_dump(mode="json"), "amount": body.money().major()}
    return await once(
        conn, Asked(caller.client, key, "POST /api/v1/payments/initiate", asked), act, status=202
    )


@router.get("/payments/{payment_id}/status", openapi_extra=roles(READERS))
async def status(conn: UnitOfWork, caller: Caller, payment_id: str) -> WalletDetail:
    """Show where a wallet payment stands, with its attempts and its audit trail."""
    payment = await operations.read(conn, payment_id, _owner(caller))
    return render.detail(payment, await store.transitions(conn, payment_id))


@router.get("/payments/{payment_id}/routing", openapi_extra=roles(READERS))
async def routing(conn: UnitOfWork, caller: Caller, payment_id: str) -> RoutingView:
    """Show how the provider was chosen: the candidates, their figures and scores, and the reason."""
    return render.routing(await operations.read(conn, payment_id, _owner(caller)))


@router.post("/payments/{payment_id}/cancel", response_model=WalletView, openapi_extra=roles(PAYERS))
async def cancel(
    request: Request,
    conn: UnitOfWork,
    caller: Caller,
    key: IdempotencyKey,
    payment_id: str,
    body: CancelWallet | None = None,
) -> Response:
    """Cancel a payment of one's own before it is with a provider."""
    user_id = None if body is None else body.user_id

    async def act() -> WalletView:
        made = await operations.change(
            conn,
            request.app.state.wallet_terms,
            payment_id,
            lambda payment, now: lifecycle.cancel(payment, caller.client, user_id, now),
        )
        return render.view(made)

    route = f"POST /api/v1/payments/{payment_id}/cancel"
    return await once(conn, Asked(caller.client, key, route, {"user_id": user_id}), act)


@router.post("/wallets/{payment_id}/refund", response_model=WalletView, openapi_extra=roles(OPERATORS))
async def refund(
    request: Request,
    conn: UnitOfWork,
    caller: Caller,
    key: IdempotencyKey,
    payment_id: str,
    body: RefundWallet | None = None,
) -> Response:
    """Send a collected amount back to the payer, whole and once."""
    reason = (body.reason if body is not None else None) or "refund asked for"

    terms = request.app.state.wallet_terms

    def decide(payment: WalletPayment, now: datetime) -> Change:
        change = lifecycle.refund(payment, f"operator {caller.client}", reason, now)
        approvals.require_none(terms.approval_limit, payment.amount)
        return change

    async def act() -> WalletView:
        made = await operations.change(conn, terms, payment_id, decide)
        return render.view(made)

    route = f"POST /api/v1/wallets/{payment_id}/refund"
    return await once(conn, Asked(caller.client, key, route, {"reason": reason}), act)


@router.post("/wallets/{payment_id}/voucher", openapi_extra=roles(PAYERS))
async def voucher(
    request: Request, conn: UnitOfWork, caller: Caller, payment_id: str, body: GiveVoucher
) -> WalletView:
    """Hand over the payer's voucher or one-time code; giving it again is harmless."""
    made = await operations.change(
        conn,
        request.app.state.wallet_terms,
        payment_id,
        lambda payment, now: lifecycle.give_voucher(payment, body.voucher, now),
        _owner(caller),
    )
    return render.view(made)


@router.post("/wallets/{payment_id}/review", response_model=WalletView, openapi_extra=roles(OPERATORS))
async def review(
    request: Request,
    conn: UnitOfWork,
    caller: Caller,
    key: IdempotencyKey,
    payment_id: str,
    body: DecideReview,
) -> Response:
    """Let a payment that the risk rules stopped go on, or end it, with the reason."""

    async def act() -> WalletView:
        terms = request.app.state.wallet_terms
        made = await operations.change(
            conn,
            terms,
            payment_id,
            lambda payment, now: lifecycle.decide_review(
                payment, caller.client, body.decision == "approve", body.reason, terms.limits, now
            ),
        )
        return render.view(made)

    route = f"POST /api/v1/wallets/{payment_id}/review"
    return await once(conn, Asked(caller.client, key, route, body.model_dump(mode="json")), act)


class WalletFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=100)
    status: Annotated[WalletStatus | None, AbsentWhenEmpty] = None
    review: Annotated[Review | None, AbsentWhenEmpty] = None


@router.get("/wallets", openapi_extra=roles(STAFF))
async def show_list(conn: UnitOfWork, wanted: Annotated[WalletFilter, Query()]) -> list[WalletView]:
    """List wallet payments, newest first; `review=required` is the operator's queue."""
    found = await store.list_before(conn, limit=wanted.limit, status=wanted.status, review=wanted.review)
    return [render.view(payment) for payment in found]
