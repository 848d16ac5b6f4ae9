"""Wallet payments among the kinds of `/api/v1/payments`. Must not hold a rule of them."""

from __future__ import annotations

from payments_schema.wallets import books, store
from payments_schema.wire.cards import PaymentKind
from payments_schema.wire.wallets import WalletLedger

from payments_api.batching import Connection
from payments_api.kinds.registry import Members, Onlooker
from payments_api.wallets import operations, render


class WalletKind:
    """Reads wallet payments."""

    name = PaymentKind.WALLET

    async def page(
        self, conn: Connection, *, limit: int, before: str | None, status: str | None, client: str | None
    ) -> list[Members]:
        """Payments older than `before`, newest first."""
        found = await store.list_before(conn, limit=limit, before=before, status=status, client=client)
        return [render.view(payment).model_dump(mode="json") for payment in found]

    async def show(self, conn: Connection, who: Onlooker, payment_id: str) -> bytes:
        """Raises PaymentNotFound."""
        payment = await operations.read(conn, payment_id, who.owner)
        return render.view(payment).model_dump_json().encode()

    async def ledger(self, conn: Connection, payment_id: str) -> WalletLedger:
        """Raises PaymentNotFound."""
        return await books.of_payment(conn, payment_id)
