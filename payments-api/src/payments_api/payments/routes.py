"""The HTTP of direct payments. Must not hold a rule: it reads, calls an operation, and writes the answer."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from payments_schema import ids
from payments_schema.errors import IdempotencyKeyReused, PaymentNotFound
from payments_schema.ledger import store as ledger
from payments_schema.payments import store
from payments_schema.payments.store import CreateOutcome
from payments_schema.wire.ledger import LedgerTransaction
from payments_schema.wire.payments import (
    BatchRequest,
    BatchResponse,
    CreatePayment,
    PaymentDetail,
    PaymentRow,
)
from pydantic import ValidationError

from payments_api.http import problems
from payments_api.http.auth import PAYERS, READERS, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.idempotency import REPLAYED, IdempotencyKey
from payments_api.http.observation import TRACEPARENT
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.payments import operations
from payments_api.payments.filters import PaymentFilter
from payments_api.payments.render import payment_text, payments_bytes

router = APIRouter(route_class=Door, tags=["payments"])
Caller = Annotated[Principal, Depends(principal)]
_REPLAYED_HEADERS = {REPLAYED: "true"}
_ABSENT_IS_400 = frozenset({"accountId", "amount"})


@router.post(
    "/payments",
    status_code=201,
    response_model=PaymentRow,
    responses={200: {"model": PaymentRow, "description": "The same request came before; its answer again."}},
    openapi_extra=roles(PAYERS),
)
async def create_payment(request: Request, key: IdempotencyKey, body: CreatePayment) -> Response:
    """Take a payment; it is reconciled and posted by the worker soon after."""
    state = request.scope["state"]
    requested = operations.Requested(
        state["principal"].client, operations.to_new(key, body), state.get(TRACEPARENT)
    )
    payment, replayed = await operations.create(request.app.state.payments, requested)
    content = payment_text(payment).encode()
    if replayed:
        return Response(content, 200, _REPLAYED_HEADERS, "application/json")
    return Response(content, 201, None, "application/json")


create_payment.answers_400_without = _ABSENT_IS_400  # pyright: ignore[reportFunctionMemberAccess]


@router.post("/payments/batch", response_model=BatchResponse, openapi_extra=roles(PAYERS))
async def create_payments(request: Request, conn: UnitOfWork, caller: Caller, body: BatchRequest) -> Response:
    """Take up to 1,000 payments in one commit; each has its own key, and a bad one fails alone."""
    items = operations.read_items(body.payments)
    outcomes = await operations.create_all(
        conn, caller.client, items, request.scope["state"].get(TRACEPARENT)
    )
    results = ",".join(map(_result_text, outcomes))
    return Response(f'{{"results":[{results}]}}'.encode(), media_type="application/json")


def _result_text(outcome: CreateOutcome | ValidationError) -> str:
    if isinstance(outcome, ValidationError):
        return _refusal_text(_malformed_item(outcome))
    if outcome.payment is None:
        return _refusal_text(problems.of_error(IdempotencyKeyReused(outcome.differs))[0])
    status = 200 if outcome.outcome == "replayed" else 201
    return f'{{"status":{status},"payment":{payment_text(outcome.payment)}}}'


def _malformed_item(wrong: ValidationError) -> dict[str, Any]:
    errors = wrong.errors(include_url=False)
    strict = _ABSENT_IS_400 | {"idempotencyKey"}
    absent = [e for e in errors if e["loc"] and e["loc"][0] in strict and problems.is_absent(e)]
    return problems.malformed(absent, 400)[0] if absent else problems.malformed(errors)[0]


def _refusal_text(members: dict[str, Any]) -> str:
    return f'{{"status":{members["status"]},"error":{json.dumps(members)}}}'


@router.get("/payments", response_model=list[PaymentRow], openapi_extra=roles(READERS))
async def list_payments(
    request: Request, conn: UnitOfWork, caller: Caller, wanted: Annotated[PaymentFilter, Query()]
) -> Response:
    """List payments, newest first; `Link` with rel="next" leads on."""
    page = await store.list_page(
        conn,
        limit=wanted.limit,
        cursor=wanted.cursor,
        status=wanted.status,
        account_id=wanted.account_id,
        q=wanted.q,
        client=caller.client if caller.sees_only_own else None,
    )
    headers: dict[str, str] = {}
    if page.next_cursor:
        query = wanted.model_dump(mode="json", by_alias=True, exclude_none=True) | {
            "cursor": page.next_cursor
        }
        headers["Link"] = f'<{request.scope.get("root_path", "")}/payments?{urlencode(query)}>; rel="next"'
    return Response(payments_bytes(page.payments), 200, headers, "application/json")


@router.get("/payments/{payment_id}", openapi_extra=roles(READERS))
async def show_payment(conn: UnitOfWork, caller: Caller, payment_id: str) -> PaymentDetail:
    """Show a payment and its reconciliation, null as long as there is none."""
    found = ids.parse_uuid(payment_id)
    if found is None:
        raise PaymentNotFound
    return await store.get(conn, found, client=caller.client if caller.sees_only_own else None)


@router.get("/api/v1/payments/{payment_id:uuid}/ledger", openapi_extra=roles(READERS))
async def show_payment_ledger(conn: UnitOfWork, caller: Caller, payment_id: UUID) -> list[LedgerTransaction]:
    """Show what a payment has posted, oldest first with its entries; nothing posted is an empty array."""
    await store.get(conn, payment_id, client=caller.client if caller.sees_only_own else None)
    return await ledger.transactions(conn, str(payment_id))
