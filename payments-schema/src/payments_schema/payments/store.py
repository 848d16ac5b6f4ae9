"""SQL of direct payments. Must not commit, and must not judge what it is asked to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from payments_schema import ids
from payments_schema.database import arrays
from payments_schema.errors import InvalidCursor, PaymentNotFound
from payments_schema.ledger import store as ledger
from payments_schema.ledger.posting import customer
from payments_schema.money import Money, major
from payments_schema.wire.payments import (
    AccountBalance,
    PaymentDetail,
    PaymentRow,
    PaymentStatus,
    Reconciliation,
    ReconciliationStatus,
)

Connection = AsyncConnection[TupleRow]


class NewPayment(NamedTuple):
    """A payment that a client asks for; `id` is ours to give and only kept where the key is new."""

    key: str
    account_id: str
    amount: Money
    description: str | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A row of core.payment."""

    id: UUID
    idempotency_key: str
    account_id: str
    amount_minor: int
    currency: str
    status: str
    description: str | None
    created_at: datetime
    updated_at: datetime

    def to_wire(self) -> PaymentRow:
        """The row as clients see it."""
        return PaymentRow.model_construct(
            id=self.id,
            idempotency_key=self.idempotency_key,
            account_id=self.account_id,
            amount=major(self.amount_minor, self.currency),
            currency=self.currency,
            status=PaymentStatus(self.status),
            description=self.description,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


class CreateOutcome(NamedTuple):
    """What became of one item: 'created', 'replayed' (the payment as first answered), or 'reused'.

    Where 'reused', `payment` is None and `differs` names the fields in which the first request differs.
    """

    outcome: str
    payment: Payment | None
    differs: tuple[str, ...] = ()


_CREATE: LiteralString = """
SELECT ord, outcome, id, created_at, differs
FROM core.create_payments(%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


async def create_many(
    conn: Connection,
    client: str,
    items: Sequence[NewPayment],
    *,
    route: str = "POST /payments",
    traceparent: str | None = None,
) -> list[CreateOutcome]:
    """Key, payment, job, message and event of each item in one statement; outcomes in order.

    traceparent: the W3C trace that the message carries on to the worker.
    Equal keys inside `items`: the first creates, the others replay or are refused like any other.
    """
    if not items:
        return []
    new_ids = [item.id or ids.uuid7() for item in items]
    cursor = await conn.execute(
        _CREATE,
        [
            client,
            arrays.texts([item.key for item in items]),
            arrays.uuids(new_ids),
            arrays.texts([item.account_id for item in items]),
            arrays.ints([item.amount.minor for item in items]),
            arrays.texts([item.amount.currency for item in items]),
            arrays.texts([item.description for item in items]),
            route,
            Jsonb({"traceparent": traceparent} if traceparent else {}),
        ],
    )
    rows: list[tuple[int, str, UUID, datetime, list[str]]] = await cursor.fetchall()
    return [
        CreateOutcome(outcome, None, tuple(differs))
        if outcome == "reused"
        # A replay equals its first request in all that a client wrote, so the item itself is the answer.
        else CreateOutcome(outcome, _as_created(items[ord_ - 1], payment_id, created_at))
        for ord_, outcome, payment_id, created_at, differs in rows
    ]


def _as_created(item: NewPayment, payment_id: UUID, created_at: datetime) -> Payment:
    return Payment(
        payment_id,
        item.key,
        item.account_id,
        item.amount.minor,
        item.amount.currency,
        "pending",
        item.description,
        created_at,
        created_at,
    )


async def get(conn: Connection, payment_id: UUID, *, client: str | None = None) -> PaymentDetail:
    """A payment with its reconciliation; with `client`, another's is not found. Raises PaymentNotFound."""
    cursor = await conn.execute(
        """
        SELECT p.id, p.idempotency_key, p.account_id, p.amount_minor, p.currency, p.status, p.description,
            p.created_at, p.updated_at,
            r.id, r.recon_job_id, r.status, r.matched, r.discrepancy_minor, r.notes, r.created_at
        FROM core.payment AS p
        LEFT JOIN core.reconciliation_result AS r ON r.payment_id = p.id
        WHERE p.id = %(id)s AND (%(client)s::text IS NULL OR p.client = %(client)s)
        """,
        {"id": payment_id, "client": client},
    )
    row = await cursor.fetchone()
    if row is None:
        raise PaymentNotFound
    payment = Payment(*row[:9])
    result_id, job_id, status, matched, discrepancy, notes, created_at = row[9:]
    if result_id is None:
        return PaymentDetail(payment=payment.to_wire(), reconciliation=None)
    reconciliation = Reconciliation(
        id=result_id,
        payment_id=payment.id,
        recon_job_id=job_id,
        status=ReconciliationStatus(status),
        matched=matched,
        discrepancy_amount=None if discrepancy is None else major(discrepancy, payment.currency),
        notes=notes,
        created_at=created_at,
    )
    return PaymentDetail(payment=payment.to_wire(), reconciliation=reconciliation)


class Page(NamedTuple):
    """Payments, newest first, and the cursor of the next page where there is one."""

    payments: list[Payment]
    next_cursor: str | None


_LIST: LiteralString = """
SELECT id, idempotency_key, account_id, amount_minor, currency, status, description, created_at, updated_at
FROM core.payment
WHERE (%(before)s::uuid IS NULL OR id < %(before)s)
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(client)s::text IS NULL OR client = %(client)s)
    AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
    AND (%(exact)s::uuid IS NULL OR id = %(exact)s)
    AND (%(pattern)s::text IS NULL OR account_id ILIKE %(pattern)s OR description ILIKE %(pattern)s
        OR idempotency_key ILIKE %(pattern)s)
ORDER BY id DESC
LIMIT %(fetch)s
"""


async def list_page(
    conn: Connection,
    *,
    limit: int = 100,
    cursor: str | None = None,
    status: PaymentStatus | None = None,
    account_id: str | None = None,
    q: str | None = None,
    client: str | None = None,
) -> Page:
    """A page of payments, newest first. q: part of account, description or key, or a whole payment id.

    client: only this client's payments.
    Raises InvalidCursor.
    """
    before = None if cursor is None else ids.parse_uuid(cursor)
    if cursor is not None and before is None:
        raise InvalidCursor("cursor is not one of ours")
    exact = None if q is None else ids.parse_uuid(q.strip())
    async with conn.cursor(row_factory=class_row(Payment)) as reader:
        await reader.execute(
            _LIST,
            {
                "before": before,
                "status": None if status is None else status.value,
                "account_id": account_id,
                "client": client,
                "exact": exact,
                "pattern": None if exact or not q else f"%{_escape_like(q)}%",
                "fetch": limit + 1,
            },
            prepare=False,  # planned for the filters at hand: one plan for all would read the whole table
        )
        found = await reader.fetchall()
    more = len(found) > limit
    return Page(found[:limit], str(found[limit - 1].id) if more else None)


def _escape_like(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


async def balance(conn: Connection, account_id: str, currency: str) -> AccountBalance:
    """The balance of a customer's account; one never seen has zero. Raises UnknownCurrency."""
    found = await ledger.balance(conn, customer(account_id), currency)
    return AccountBalance(
        account_id=account_id,
        balance=found.posted.major(),
        currency=currency,
        available=found.available.major(),
        pending=found.pending.major(),
        version=found.version,
    )
