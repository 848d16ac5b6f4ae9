"""What a deed must offer to be asked for by one person and agreed to by another.

Must not import a capability: each declares its deed in an `approved.py` of its own, and `app.py` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from payments_schema.money import Money
from payments_schema.wire.approvals import ApprovalKind, ApprovalView
from psycopg import AsyncConnection
from starlette.datastructures import State


class Deed(Protocol):
    """One kind of deed, done at most once per approval."""

    async def size(self, conn: AsyncConnection, subject: str, amount: Decimal | None) -> Money:
        """How much it would move now, all there is without an amount. Raises what the deed would raise."""
        ...

    async def carry_out(self, state: State, approval: ApprovalView) -> None:
        """Do what was agreed to, in a transaction of its own; a second call does nothing."""
        ...


Deeds = Mapping[ApprovalKind, Deed]
