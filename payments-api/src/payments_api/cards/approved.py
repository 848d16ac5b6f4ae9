"""A card refund that a second person agreed to. Must not decide what a payment allows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from payments_schema import ids
from payments_schema.cards import lifecycle, store
from payments_schema.errors import PaymentNotFound
from payments_schema.money import Money, parse_major
from payments_schema.wire.approvals import ApprovalView
from payments_schema.wire.cards import RefundCard
from psycopg import AsyncConnection
from starlette.datastructures import State

from payments_api.cards import operations
from payments_api.cards.operations import Asked
from payments_api.http import approved


class CardRefund:
    """Returns captured funds."""

    async def size(self, conn: AsyncConnection, subject: str, amount: Decimal | None) -> Money:
        """Raises PaymentNotFound, InvalidTransition, InvalidAmount."""
        if not ids.is_id("pay", subject):
            raise PaymentNotFound
        payment = await store.get(conn, subject)
        minor = None if amount is None else parse_major(amount, payment.currency).minor
        change = lifecycle.refund(payment, minor, None, datetime.now(UTC))
        return Money(change.refund.amount_minor, payment.currency)

    async def carry_out(self, state: State, approval: ApprovalView) -> None:
        """Refund once per approval."""
        minor = parse_major(approval.amount, approval.currency).minor
        await state.cards.submit(
            Asked(
                approved.CLIENT,
                operations.REFUND,
                RefundCard(amount=minor, reason=approval.reason),
                approval.subject,
                approved.key_of(approval.id),
                is_approved=True,
            )
        )
