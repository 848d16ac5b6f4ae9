"""Card payments among the kinds of `/api/v1/payments`. Must not hold a rule of them."""

from __future__ import annotations

from payments_schema import ids
from payments_schema.cards import books, store
from payments_schema.errors import PaymentNotFound
from payments_schema.wire.cards import CardLedger, NothingAsked, PaymentKind

from payments_api.batching import Connection
from payments_api.cards import operations
from payments_api.cards.operations import Asked
from payments_api.cards.render import payment_bytes, payment_members
from payments_api.kinds.registry import Members, Onlooker


class CardKind:
    """Reads card payments; a hold whose time is over is released by being looked at."""

    name = PaymentKind.CARD

    async def page(
        self, conn: Connection, *, limit: int, before: str | None, status: str | None, client: str | None
    ) -> list[Members]:
        """Payments older than `before`, newest first."""
        found = await store.list_before(conn, limit=limit, before=before, status=status, client=client)
        return [payment_members(payment) for payment in found]

    async def show(self, conn: Connection, who: Onlooker, payment_id: str) -> bytes:
        """Raises PaymentNotFound."""
        if not ids.is_id("pay", payment_id):
            raise PaymentNotFound
        asked = Asked(who.caller.client, operations.TOUCH, NothingAsked(), payment_id, None, who.owner)
        found = await operations.look(conn, who.state.cards, asked, who.state.card_terms)
        return payment_bytes(found)

    async def ledger(self, conn: Connection, payment_id: str) -> CardLedger:
        """Raises PaymentNotFound."""
        return await books.of_payment(conn, payment_id)
