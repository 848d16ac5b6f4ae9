"""When a second person is needed, and who that may be. Pure: sees no clock, connection or setting."""

from __future__ import annotations

from decimal import Decimal

from payments_schema.errors import ApprovalRequired, InvalidTransition, SecondPersonNeeded
from payments_schema.money import Money
from payments_schema.wire.approvals import ApprovalState


def require_none(limit: Decimal | None, total: Money) -> None:
    """Raise ApprovalRequired where `total` is above the limit.

    limit: major units of whatever currency; None where one person may do everything. total: with what went
    the same way before, so that a sum cannot be cut into small pieces.
    """
    if limit is not None and Decimal(total.major()) > limit:
        raise ApprovalRequired(limit)


def require_second(asked_by: str, decider: str) -> None:
    """Raise SecondPersonNeeded where somebody would agree with himself."""
    if asked_by == decider:
        raise SecondPersonNeeded


def require_waiting(state: ApprovalState) -> None:
    """Raise InvalidTransition for what was decided or withdrawn."""
    if state is not ApprovalState.WAITING:
        raise InvalidTransition(
            f"It was decided before: {state.value}", current_status=state.value, allowed_actions=[]
        )
