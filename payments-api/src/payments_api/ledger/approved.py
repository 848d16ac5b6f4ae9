"""A write-off that a second person agreed to. Must not change a row; it is something new."""

from __future__ import annotations

from decimal import Decimal

from payments_schema.database.pool import unit_of_work
from payments_schema.errors import InvalidAmount
from payments_schema.ledger import corrections
from payments_schema.money import Money, parse_major
from payments_schema.wire.approvals import ApprovalView
from payments_schema.wire.books import AdjustmentView
from psycopg import AsyncConnection
from starlette.datastructures import State

from payments_api.http import approved
from payments_api.http.once import Asked, once
from payments_api.ledger import render

WRITE_OFF = "write_off"


class WriteOff:
    """Gives up (a part of) what waits in suspense."""

    async def size(self, conn: AsyncConnection, subject: str, amount: Decimal | None) -> Money:
        """Raises NotFound, InvalidTransition where nothing waits any more, InvalidAmount."""
        waiting = await corrections.waiting(conn, subject)
        if amount is None:
            return waiting
        wanted = parse_major(amount, waiting.currency)
        if not 0 < wanted.minor <= waiting.minor:
            raise InvalidAmount("amount is not positive, or above what is open", remaining=waiting.minor)
        return wanted

    async def carry_out(self, state: State, approval: ApprovalView) -> None:
        """Write off once per approval."""
        amount = parse_major(approval.amount, approval.currency)
        actor = approved.actor_of(approval.asked_by, approval.decided_by)
        async with unit_of_work(state.pool) as conn:

            async def act() -> AdjustmentView:
                made = await corrections.adjust(
                    conn, approval.subject, WRITE_OFF, amount, reason=approval.reason, actor=actor
                )
                return render.adjustment(made)

            route = f"POST /api/v1/ledger/differences/{approval.subject}/adjust"
            body = {"action": WRITE_OFF, "amount": amount.major(), "reason": approval.reason}
            key = approved.key_of(approval.id)
            await once(conn, Asked(approved.CLIENT, key, route, body), act, status=201)
