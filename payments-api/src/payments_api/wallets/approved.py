"""A wallet refund that a second person agreed to. Must not decide what a payment allows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from payments_schema.database.pool import unit_of_work
from payments_schema.errors import InvalidAmount
from payments_schema.money import Money, parse_major
from payments_schema.wallets import lifecycle
from payments_schema.wire.approvals import ApprovalView
from payments_schema.wire.wallets import WalletView
from psycopg import AsyncConnection
from starlette.datastructures import State

from payments_api.http import approved
from payments_api.http.once import Asked, once
from payments_api.wallets import operations, render


class WalletRefund:
    """Sends a collected amount back, always the whole."""

    async def size(self, conn: AsyncConnection, subject: str, amount: Decimal | None) -> Money:
        """Raises PaymentNotFound, InvalidTransition, InvalidAmount for a part."""
        payment = await operations.read(conn, subject, None)
        lifecycle.refund(payment, "", "", datetime.now(UTC))
        if amount is not None and parse_major(amount, payment.amount.currency) != payment.amount:
            raise InvalidAmount("a wallet refund is the whole amount", remaining=payment.amount.minor)
        return payment.amount

    async def carry_out(self, state: State, approval: ApprovalView) -> None:
        """Refund once per approval."""
        actor = f"operator {approved.actor_of(approval.asked_by, approval.decided_by)}"
        async with unit_of_work(state.pool) as conn:

            async def act() -> WalletView:
                made = await operations.change(
                    conn,
                    state.wallet_terms,
                    approval.subject,
                    lambda payment, now: lifecycle.refund(payment, actor, approval.reason, now),
                )
                return render.view(made)

            route = f"POST /api/v1/wallets/{approval.subject}/refund"
            key = approved.key_of(approval.id)
            await once(conn, Asked(approved.CLIENT, key, route, {"reason": approval.reason}), act)
