"""What a kind of payment must offer to be listed, shown and audited beside the others.

Must not import a kind: each declares itself in a `kind.py` of its own, and `app.py` names them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from payments_schema.wire.cards import CardLedger, PaymentKind
from payments_schema.wire.wallets import WalletLedger
from starlette.datastructures import State

from payments_api.batching import Connection
from payments_api.http.auth import Principal

Members = dict[str, Any]
PaymentLedger = CardLedger | WalletLedger


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who looks, and what the application keeps for the kinds."""

    state: State
    caller: Principal

    @property
    def owner(self) -> str | None:
        """The only client whose payments may be seen, None for all of them."""
        return self.caller.client if self.caller.sees_only_own else None


class Kind(Protocol):
    """One lifecycle under `/api/v1/payments`; its ids are `pay_…`, ordered by time."""

    @property
    def name(self) -> PaymentKind:
        """What the field and the filter `kind` say."""
        ...

    async def page(
        self, conn: Connection, *, limit: int, before: str | None, status: str | None, client: str | None
    ) -> list[Members]:
        """Payments older than `before`, newest first."""
        ...

    async def show(self, conn: Connection, who: Onlooker, payment_id: str) -> bytes:
        """One payment as JSON. Raises PaymentNotFound where this kind has no such payment."""
        ...

    async def ledger(self, conn: Connection, payment_id: str) -> PaymentLedger:
        """What the payment posted. conn: in a transaction that has done nothing yet."""
        ...


Kinds = Sequence[Kind]
