"""A refund of a customer's credit that a second person agreed to. Must not decide what there is as credit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from payments_schema.database.pool import unit_of_work
from payments_schema.errors import NotFound
from payments_schema.invoices import lifecycle, store
from payments_schema.money import Money, parse_major
from payments_schema.wire.approvals import ApprovalView
from payments_schema.wire.invoices import CustomerCredit, RefundCredit
from psycopg import AsyncConnection
from pydantic import ValidationError
from starlette.datastructures import State

from payments_api.http import approved
from payments_api.http.once import Asked, once
from payments_api.invoices import operations


class CreditRefund:
    """Gives a customer's credit back."""

    async def size(self, conn: AsyncConnection, subject: str, amount: Decimal | None) -> Money:
        """Raises NotFound, InvalidAmount."""
        whose = _whose(subject)
        credit, steps = await store.lock_credit(conn, whose.customer, whose.currency)
        minor = None if amount is None else parse_major(amount, whose.currency).minor
        refunded = lifecycle.refund_credit(
            whose.customer, whose.currency, minor, credit, steps + 1, datetime.now(UTC)
        )
        return Money(refunded.amount_minor, whose.currency)

    async def carry_out(self, state: State, approval: ApprovalView) -> None:
        """Give back once per approval."""
        whose = _whose(approval.subject)
        minor = parse_major(approval.amount, approval.currency).minor
        wanted = whose.model_copy(update={"amount_cents": minor})
        async with unit_of_work(state.pool) as conn:

            async def act() -> CustomerCredit:
                return await operations.refund_credit(conn, wanted, None)

            key = approved.key_of(approval.id)
            body = wanted.model_dump(mode="json")
            await once(conn, Asked(approved.CLIENT, key, "POST /api/v1/customer-credit/refund", body), act)


def _whose(subject: str) -> RefundCredit:
    currency, _, customer = subject.partition(":")
    try:
        return RefundCredit(customer=customer, currency=currency)
    except ValidationError as error:
        raise NotFound("A customer's credit is named by currency and customer: USD:Ama") from error
