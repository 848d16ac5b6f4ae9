"""Turns rows of the ledger into what the wire shows. Must not read or add up any."""

from __future__ import annotations

from payments_schema import ids
from payments_schema.ledger.corrections import Adjustment
from payments_schema.ledger.history import AccountRow
from payments_schema.ledger.store import StatementLine
from payments_schema.money import major
from payments_schema.wire.books import AccountView, AdjustmentAction, AdjustmentView, StatementLineView
from payments_schema.wire.ledger import Direction


def account(row: AccountRow) -> AccountView:
    """An account with its balances in major units."""
    return AccountView(
        id=ids.sequence_id("acc", row.number),
        kind=row.account.owner_kind,
        code=row.account.code,
        currency=row.currency,
        type=row.type,
        normal_side=Direction(row.normal_side),
        posted=major(row.posted, row.currency),
        available=major(row.available, row.currency),
        pending=major(row.pending, row.currency),
        version=row.version,
        created_at=row.created_at,
    )


def statement_line(line: StatementLine) -> StatementLineView:
    """One line of a statement."""
    return StatementLineView(
        version=line.version,
        transaction_id=ids.sequence_id("txn", line.transaction_id),
        reference=line.reference,
        kind=line.kind,
        direction=line.direction,
        amount=line.amount.major(),
        currency=line.amount.currency,
        balance_after=line.balance_after.major(),
        is_pending=line.is_pending,
        effective_at=line.effective_at,
        recorded_at=line.recorded_at,
    )


def adjustment(row: Adjustment) -> AdjustmentView:
    """An audit row of a difference."""
    return AdjustmentView(
        id=row.id,
        payment_id=row.payment_id,
        action=AdjustmentAction(row.action),
        amount=row.amount.major(),
        currency=row.amount.currency,
        reason=row.reason,
        actor=row.actor,
        transaction_id=row.transaction_id,
        created_at=row.created_at,
    )
