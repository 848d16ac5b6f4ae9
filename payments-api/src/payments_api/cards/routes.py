"""The HTTP of card payments. Must not hold a rule: it reads, calls an operation, and writes the answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from payments_schema import ids
from payments_schema.cards import books
from payments_schema.database.pool import unit_of_work
from payments_schema.errors import NotFound, PaymentNotFound
from payments_schema.wire.cards import (
    AuthorizeCard,
    CaptureCard,
    CardPaymentView,
    LedgerAccountBalance,
    NothingAsked,
    Preview,
    RefundCard,
)

from payments_api.cards import operations
from payments_api.cards.operations import Answer, Asked, Body
from payments_api.cards.render import payment_bytes
from payments_api.http import preview
from payments_api.http.auth import PAYERS, STAFF, Principal
from payments_api.http.door import Door, roles
from payments_api.http.idempotency import REPLAYED
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["cards"])
_JSON = "application/json"
_REPLAYED_HEADERS = {REPLAYED: "true"}
_MOVES: dict[str, Any] = {
    "response_model": CardPaymentView | Preview,
    "openapi_extra": roles(PAYERS),
}


class Wish(preview.Wish):
    """An action on a card payment, or its preview."""

    def asked(self, route: str, body: Body, payment_id: str | None = None) -> Asked:
        """Put the request together. Raises PaymentNotFound for what is no id of a payment."""
        if payment_id is not None and not ids.is_id("pay", payment_id):
            raise PaymentNotFound
        return Asked(self.caller.client, route, body, payment_id, self.key, _owner(self.caller))

    async def answer(self, asked: Asked) -> Response:
        """Carry the request out, or show what it would post."""
        state = self.request.app.state
        if self.key is None:
            async with unit_of_work(state.pool) as conn:
                return preview.preview_of(await operations.preview(conn, asked, state.card_terms))
        answer: Answer = await state.cards.submit(asked)
        headers = _REPLAYED_HEADERS if answer.is_replay else None
        return Response(payment_bytes(answer.payment), answer.status, headers, _JSON)


Wished = Annotated[Wish, Depends(Wish)]


def _owner(caller: Principal) -> str | None:
    return caller.client if caller.sees_only_own else None


@router.post("/payments/authorize", status_code=201, **_MOVES)
async def authorize(wish: Wished, body: AuthorizeCard) -> Response:
    """Hold funds of a card, for seven days unless set otherwise."""
    return await wish.answer(wish.asked(operations.AUTHORIZE, body))


@router.post("/payments/{payment_id}/capture", **_MOVES)
async def capture(wish: Wished, payment_id: str, body: CaptureCard | None = None) -> Response:
    """Take a part of the held funds, or all of them; the fee is taken off the merchant's part."""
    return await wish.answer(wish.asked(operations.CAPTURE, body or CaptureCard(), payment_id))


@router.post("/payments/{payment_id}/void", **_MOVES)
async def void(wish: Wished, payment_id: str, body: NothingAsked | None = None) -> Response:
    """Release what is still held; after a partial capture the payment stays captured."""
    return await wish.answer(wish.asked(operations.VOID, body or NothingAsked(), payment_id))


@router.post("/payments/{payment_id}/settle", **_MOVES)
async def settle(wish: Wished, payment_id: str, body: NothingAsked | None = None) -> Response:
    """Pay the merchant what he is owed, and release what is still held."""
    return await wish.answer(wish.asked(operations.SETTLE, body or NothingAsked(), payment_id))


@router.post("/payments/{payment_id}/refund", **_MOVES)
async def refund(wish: Wished, payment_id: str, body: RefundCard | None = None) -> Response:
    """Return captured funds, in part or all that is left, from exactly where they went."""
    return await wish.answer(wish.asked(operations.REFUND, body or RefundCard(), payment_id))


@router.get("/accounts/{account_id:path}/balance", openapi_extra=roles(STAFF))
async def show_balance(conn: UnitOfWork, account_id: str) -> LedgerAccountBalance:
    """Show the balances behind an id: a ledger account, one of the chart, or a customer's accounts."""
    if not account_id.isprintable():
        raise NotFound("There is no such account")
    return await books.balance_of(conn, account_id)
