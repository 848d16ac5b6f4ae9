"""An `ApiClient` that keeps everything in memory: what page tests and previews run on.

It must not decide what the real API decides: it answers with what it was given, or fails when told to.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar, cast
from uuid import UUID

from payments_schema.ids import uuid7
from payments_schema.wire.ledger import Direction, LedgerEntry, LedgerTransaction, Phase
from payments_schema.wire.operations import Kind, PaymentLine, Step, StepKind, Story
from payments_schema.wire.payments import (
    AccountBalance,
    CreatePayment,
    PaymentDetail,
    PaymentRow,
    PaymentStatus,
    Reconciliation,
)
from payments_schema.wire.views import SavedView, SavedViews
from pydantic import BaseModel

from payments_ui.api_client import ApiError, ApiNotFound, Created, PaymentPage, PaymentQuery

Wire = TypeVar("Wire")
STORY = "GET /api/v1/operations/payments/{}"
VIEWS = "GET /api/v1/operations/views"


class FakeApiClient:
    """Payments in a list, newest first. `failing` is raised by every call while it is set."""

    def __init__(self, payments: Sequence[PaymentRow] = ()) -> None:
        self.payments = list(payments)
        self.reconciliations: dict[UUID, Reconciliation] = {}
        self.ledgers: dict[UUID, tuple[LedgerTransaction, ...]] = {}
        self.views: list[SavedView] = []
        self.balances: dict[tuple[str, str], AccountBalance] = {}
        self.failing: ApiError | None = None
        self.refusing: dict[str, ApiError] = {}
        self.queries: list[PaymentQuery] = []
        self.keys: list[str] = []
        self.answers: dict[str, object] = {}
        self.sent: list[tuple[str, tuple[str, ...], BaseModel | None, str, dict[str, str]]] = []

    def create_payment(self, payment: CreatePayment, key: str) -> Created:
        """Make a payment once per key."""
        self.keys.append(key)
        self._fail()
        for row in self.payments:
            if row.idempotency_key == key:
                return Created(row, replayed=True)
        row = a_payment(
            account_id=payment.account_id,
            amount=payment.money().major(),
            currency=payment.currency,
            description=payment.description,
            idempotency_key=key,
        )
        self.payments.insert(0, row)
        return Created(row, replayed=False)

    def list_payments(self, query: PaymentQuery) -> PaymentPage:
        """Give the rows after the cursor, which is the number of rows before it."""
        self.queries.append(query)
        self._fail()
        kept = [row for row in self.payments if _matches(row, query)]
        start = int(query.cursor or 0)
        end = start + query.limit
        return PaymentPage(tuple(map(a_line, kept[start:end])), str(end) if end < len(kept) else "")

    def payment(self, payment_id: str) -> PaymentDetail:
        """Give a payment by its id."""
        self._fail()
        for row in self.payments:
            if str(row.id) == payment_id:
                return PaymentDetail(payment=row, reconciliation=self.reconciliations.get(row.id))
        raise ApiNotFound("Payment not found", code="not_found", status=404)

    def payment_ledger(self, payment_id: str) -> tuple[LedgerTransaction, ...]:
        """Give what was posted for a payment."""
        self._fail()
        return self.ledgers.get(UUID(payment_id), ())

    def balance(self, account_id: str, currency: str) -> AccountBalance:
        """Give the balance that was set, or zero."""
        self._fail()
        return self.balances.get((account_id, currency)) or AccountBalance(
            account_id=account_id,
            balance="0.00",
            currency=currency,
            available="0.00",
            pending="0.00",
            version=0,
        )

    def read(
        self, shape: type[Wire], path: str, *segments: str, params: Mapping[str, str] | None = None
    ) -> Wire:
        """Give what was set for this path; a payment's story is told from the payments in memory."""
        self._fail()
        answer = self.answers.get(f"GET {path}")
        if answer is None and f"GET {path}" == STORY:
            answer = self._story(segments[0])
        if answer is None and f"GET {path}" == VIEWS:
            answer = SavedViews(data=self.views)
        if answer is None:
            raise ApiNotFound("There is no such thing", code="not_found", status=404)
        return cast("Wire", answer)

    def send(
        self,
        shape: type[Wire],
        path: str,
        *segments: str,
        body: BaseModel | None = None,
        key: str = "",
        params: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Wire:
        """Remember what was asked, and give what was set for this path."""
        self.sent.append((path, segments, body, key, dict(params or {})))
        self._fail()
        name = f"{method} {path}" + ("?preview" if params else "")
        for refused in {path, name} & self.refusing.keys():
            raise self.refusing[refused]
        return cast("Wire", self.answers[name])

    def _story(self, payment_id: str) -> Story:
        detail = self.payment(payment_id)
        line, posted = a_line(detail.payment), self.ledgers.get(detail.payment.id, ())
        asked = {"idempotency_key": detail.payment.idempotency_key}
        step = Step(at=line.created_at, kind=StepKind.REQUEST, title="Asked for", facts=asked)
        return Story(payment=line, actions=[], remaining_minor={}, steps=[step], transactions=list(posted))

    def reconcile(self, payment: PaymentRow) -> PaymentRow:
        """Let a payment end well, with its two entries, as the worker would."""
        done = payment.model_copy(update={"status": PaymentStatus.COMPLETED, "updated_at": datetime.now(UTC)})
        self.payments[self.payments.index(payment)] = done
        self.reconciliations[payment.id] = a_reconciliation(done)
        self.ledgers[payment.id] = (a_posting(done),)
        return done

    def _fail(self) -> None:
        if self.failing is not None:
            raise self.failing


def _matches(row: PaymentRow, query: PaymentQuery) -> bool:
    searched = f"{row.id} {row.idempotency_key} {row.account_id} {row.description or ''}"
    return (
        query.status in {"", row.status}
        and query.account_id in {"", row.account_id}
        and query.search.lower() in searched.lower()
    )


def a_payment(
    *,
    account_id: str = "ACC-1001",
    amount: str = "250.00",
    currency: str = "USD",
    status: PaymentStatus = PaymentStatus.PENDING,
    description: str | None = None,
    idempotency_key: str = "",
    created_at: datetime | None = None,
) -> PaymentRow:
    """Build a payment; what is not said is usual."""
    payment_id = uuid7()
    when = created_at or datetime.now(UTC)
    return PaymentRow(
        id=payment_id,
        idempotency_key=idempotency_key or f"key-{payment_id}",
        account_id=account_id,
        amount=amount,
        currency=currency,
        status=status,
        description=description,
        created_at=when,
        updated_at=when,
    )


def a_line(payment: PaymentRow) -> PaymentLine:
    """Show a direct payment as the operators' list does."""
    return PaymentLine(
        id=str(payment.id),
        kind=Kind.DIRECT,
        status=payment.status.value,
        amount=payment.amount,
        currency=payment.currency,
        party=payment.account_id,
        description=payment.description,
        created_at=payment.created_at,
        updated_at=payment.updated_at,
    )


def a_reconciliation(payment: PaymentRow, **changed: object) -> Reconciliation:
    """Build the verdict on a payment that matched."""
    return Reconciliation.model_validate(
        {
            "id": 1,
            "payment_id": payment.id,
            "recon_job_id": 1,
            "status": "completed",
            "matched": True,
            "discrepancy_amount": None,
            "notes": "Successfully reconciled",
            "created_at": payment.updated_at,
            **changed,
        }
    )


def a_posting(payment: PaymentRow) -> LedgerTransaction:
    """Build the two entries of a payment that matched."""
    sides = ((payment.account_id, Direction.CREDIT), ("settlement_clearing", Direction.DEBIT))
    return LedgerTransaction(
        id="txn_1",
        reference=str(payment.id),
        kind="payment",
        phase=Phase.POSTED,
        effective_at=payment.updated_at,
        recorded_at=payment.updated_at,
        entries=[
            LedgerEntry(
                id=f"ent_{number}",
                account=account,
                direction=direction,
                amount=payment.amount,
                currency=payment.currency,
                balance_after=payment.amount,
            )
            for number, (account, direction) in enumerate(sides, start=1)
        ],
    )
