"""The HTTP of invoices and customers' credit. Must not hold a rule: it reads, calls, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from payments_schema import ids
from payments_schema.errors import InvalidCursor
from payments_schema.invoices import inbox, repairing, store
from payments_schema.ledger.posting import Posting
from payments_schema.wire.cards import Preview
from payments_schema.wire.invoices import (
    AmountAsked,
    CreateInvoice,
    CreditNote,
    CustomerCredit,
    EventStatus,
    GiveReason,
    InvoiceDetail,
    InvoicePage,
    InvoiceStatus,
    InvoiceView,
    PaymentEventPage,
    PaymentEventView,
    RefundCredit,
    RepairEvent,
)
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.auth import OPERATORS, PAYERS, READERS, STAFF, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.idempotency import IdempotencyKey
from payments_api.http.once import Asked, once
from payments_api.http.preview import Wish, Wished, preview_of
from payments_api.http.text import AbsentWhenEmpty, SearchText
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.invoices import operations, render

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["invoices"])
Caller = Annotated[Principal, Depends(principal)]
MOST_EXPORTED = 10_000
_MOVES: dict[str, Any] = {"response_model": InvoiceView | Preview, "openapi_extra": roles(OPERATORS)}


class InvoiceFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    status: Annotated[InvoiceStatus | None, AbsentWhenEmpty] = None
    customer: Annotated[SearchText | None, AbsentWhenEmpty] = None
    currency: Annotated[SearchText | None, AbsentWhenEmpty] = None
    overdue: bool = Field(False, description="Only open ones whose due date has passed.")


class EventFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    status: Annotated[EventStatus | None, AbsentWhenEmpty] = None
    invoice_id: Annotated[UUID | None, AbsentWhenEmpty] = None


def _owner(caller: Principal) -> str | None:
    return caller.client if caller.sees_only_own else None


def _invoice_id(text: str) -> UUID:
    found = ids.parse_uuid(text)
    if found is None:
        raise store.InvoiceNotFound
    return found


def _cursor(text: str | None) -> UUID | None:
    found = None if text is None else ids.parse_uuid(text)
    if text is not None and found is None:
        raise InvalidCursor("cursor is not one of ours")
    return found


def _asked(caller: Principal, key: str, route: str, body: BaseModel) -> Asked:
    members: dict[str, Any] = body.model_dump(mode="json")
    return Asked(caller.client, key, f"POST /api/v1/{route}", members)


async def _answer(
    conn: UnitOfWork,
    wish: Wish,
    asked: tuple[str, BaseModel],
    act: Callable[[], Awaitable[BaseModel]],
    preview: Callable[[], Awaitable[list[Posting]]],
    *,
    status: int = 200,
) -> Response:
    """Do it once per key, or show what it would post. asked: the route and the body."""
    if wish.key is None:
        return preview_of(await preview())
    return await once(conn, _asked(wish.caller, wish.key, *asked), act, status=status)


@router.post("/invoices", status_code=201, response_model=InvoiceView | Preview, openapi_extra=roles(PAYERS))
async def create(conn: UnitOfWork, wish: Wished, body: CreateInvoice) -> Response:
    """Send an invoice: lines, or a total alone."""
    client = wish.caller.client
    return await _answer(
        conn,
        wish,
        ("invoices", body),
        lambda: operations.create(conn, client, body),
        lambda: operations.preview_new(conn, client, body),
        status=201,
    )


@router.get("/invoices", openapi_extra=roles(READERS))
async def list_invoices(
    conn: UnitOfWork, caller: Caller, wanted: Annotated[InvoiceFilter, Query()]
) -> InvoicePage:
    """List invoices, newest first."""
    now = datetime.now(UTC)
    found, more = await store.list_page(
        conn,
        limit=wanted.limit,
        cursor=_cursor(wanted.cursor),
        status=wanted.status,
        customer=wanted.customer,
        currency=wanted.currency,
        overdue_at=now if wanted.overdue else None,
        client=_owner(caller),
    )
    data = [render.view(invoice, now) for invoice in found]
    return InvoicePage(data=data, has_more=more, next_cursor=str(data[-1].id) if more else None)


@router.get("/invoices.csv", openapi_extra=roles(STAFF), response_class=Response)
async def export(conn: UnitOfWork, wanted: Annotated[InvoiceFilter, Query()]) -> Response:
    """Export as CSV, the newest 10,000 that fit the filter; no cell is a formula."""
    now = datetime.now(UTC)
    found, _ = await store.list_page(
        conn,
        limit=MOST_EXPORTED,
        status=wanted.status,
        customer=wanted.customer,
        currency=wanted.currency,
        overdue_at=now if wanted.overdue else None,
    )
    headers = {"Content-Disposition": 'attachment; filename="invoices.csv"'}
    return Response(render.csv_of(found, now), 200, headers, "text/csv; charset=utf-8")


@router.get("/invoices/{invoice_id}", openapi_extra=roles(READERS))
async def show(conn: UnitOfWork, caller: Caller, invoice_id: str) -> InvoiceDetail:
    """Show an invoice with its events and entries."""
    return await operations.detail(conn, _invoice_id(invoice_id), _owner(caller))


@router.get("/invoices/{invoice_id}/print", openapi_extra=roles(READERS), response_class=Response)
async def print_page(conn: UnitOfWork, caller: Caller, invoice_id: str) -> Response:
    """Show an invoice as a page to print."""
    invoice = await operations.look(conn, _invoice_id(invoice_id), _owner(caller))
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(render.page_of(invoice), 200, policy, "text/html; charset=utf-8")


@router.post("/invoices/{invoice_id}/void", **_MOVES)
async def void(conn: UnitOfWork, wish: Wished, invoice_id: str, body: GiveReason | None = None) -> Response:
    """Cancel an invoice of which nothing was paid."""
    id_, said = _invoice_id(invoice_id), body or GiveReason()
    return await _answer(
        conn,
        wish,
        (f"invoices/{id_}/void", said),
        lambda: operations.void(conn, id_, said.reason),
        lambda: operations.preview(conn, id_, said),
    )


@router.post("/invoices/{invoice_id}/credit-notes", **_MOVES)
async def credit_note(conn: UnitOfWork, wish: Wished, invoice_id: str, body: CreditNote) -> Response:
    """Give up a part of the claim, or all that is open."""
    id_ = _invoice_id(invoice_id)
    return await _answer(
        conn,
        wish,
        (f"invoices/{id_}/credit-notes", body),
        lambda: operations.credit_note(conn, id_, body.amount_cents, body.reason),
        lambda: operations.preview(conn, id_, body),
    )


@router.post("/invoices/{invoice_id}/allocate", **_MOVES)
async def allocate(
    conn: UnitOfWork, wish: Wished, invoice_id: str, body: AmountAsked | None = None
) -> Response:
    """Pay with the customer's credit, as much as there is and is owed where no amount is given."""
    id_, said = _invoice_id(invoice_id), body or AmountAsked()
    return await _answer(
        conn,
        wish,
        (f"invoices/{id_}/allocate", said),
        lambda: operations.allocate(conn, id_, said.amount_cents),
        lambda: operations.preview(conn, id_, said),
    )


@router.get("/customer-credit", openapi_extra=roles(STAFF))
async def show_credit(
    conn: UnitOfWork, customer: Annotated[SearchText, Query(min_length=1)]
) -> list[CustomerCredit]:
    """Show a customer's credit by currency."""
    found = await store.credits_of(conn, customer)
    return [CustomerCredit(customer=customer, currency=c, credit_cents=minor) for c, minor in found]


@router.post(
    "/customer-credit/refund", response_model=CustomerCredit | Preview, openapi_extra=roles(OPERATORS)
)
async def refund_credit(conn: UnitOfWork, wish: Wished, body: RefundCredit) -> Response:
    """Give credit back, all of it where no amount is given; above the limit a second person is needed."""
    limit = wish.request.app.state.settings.approval_limit
    return await _answer(
        conn,
        wish,
        ("customer-credit/refund", body),
        lambda: operations.refund_credit(conn, body, limit),
        lambda: operations.preview_refund(conn, body),
    )


@router.get("/webhooks/incoming", openapi_extra=roles(STAFF), tags=["webhooks"])
async def list_incoming(conn: UnitOfWork, wanted: Annotated[EventFilter, Query()]) -> PaymentEventPage:
    """List incoming payment events, newest first."""
    return await inbox.list_page(
        conn,
        limit=wanted.limit,
        cursor=_cursor(wanted.cursor),
        status=wanted.status,
        invoice_id=wanted.invoice_id,
    )


@router.post(
    "/webhooks/incoming/{event_id}/repair",
    response_model=PaymentEventView,
    openapi_extra=roles(OPERATORS),
    tags=["webhooks"],
)
async def repair(
    conn: UnitOfWork, caller: Caller, key: IdempotencyKey, event_id: str, body: RepairEvent
) -> Response:
    """Put a dead event right: an edited copy of it is applied in its place, and both say so."""
    found = ids.parse_uuid(event_id)
    if found is None:
        raise inbox.PaymentEventNotFound
    asked = _asked(caller, key, f"webhooks/incoming/{found}/repair", body)
    return await once(conn, asked, lambda: repairing.repair(conn, found, body, caller.client))
