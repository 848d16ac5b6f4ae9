"""SQL of invoices and of customers' credit. Must not decide: it locks, saves and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from payments_schema.database.arrays import ints, texts, uuids
from payments_schema.errors import InvalidCursor, NotFound
from payments_schema.invoices.lifecycle import Invoice
from payments_schema.wire.invoices import InvoiceEntry, InvoiceStatus

Connection = AsyncConnection[TupleRow]


class InvoiceNotFound(NotFound):
    """No such invoice."""

    code = "invoice_not_found"

    def __init__(self, detail: str = "Invoice not found", **extra: Any) -> None:
        super().__init__(detail, **extra)


_SELECT: LiteralString = """
SELECT id, client, currency, total_minor, status, created_at, updated_at, paid_minor, credited_minor,
    credit_minor, is_booked, steps, due_at, customer, description, lines
FROM core.invoice
"""


def _invoice(row: TupleRow) -> Invoice:
    id_, client, currency, total, status, created_at, updated_at, paid, credited, credit, *rest = row
    return Invoice(
        id_,
        client,
        currency,
        total,
        InvoiceStatus(status),
        created_at,
        updated_at,
        paid,
        credited,
        int(credit),
        *rest,
    )


async def create(conn: Connection, invoice: Invoice) -> bool:
    """Insert; false where the id is taken."""
    cursor = await conn.execute(
        """
        INSERT INTO core.invoice (
            id, client, currency, total_minor, status, created_at, updated_at, is_booked, due_at, customer,
            description, lines)
        VALUES (%s, %s, %s, %s, %s, %s, %s, true, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        [
            invoice.id,
            invoice.client,
            invoice.currency,
            invoice.total_minor,
            invoice.status.value,
            invoice.created_at,
            invoice.updated_at,
            invoice.due_at,
            invoice.customer,
            invoice.description,
            Jsonb(invoice.lines),
        ],
    )
    return cursor.rowcount == 1


async def get(conn: Connection, invoice_id: UUID) -> Invoice:
    """One invoice. Raises InvoiceNotFound."""
    row = await (await conn.execute(_SELECT + "WHERE id = %s", [invoice_id])).fetchone()
    if row is None:
        raise InvoiceNotFound
    return _invoice(row)


async def exists(conn: Connection, invoice_id: UUID) -> bool:
    """Tell whether an invoice has this id."""
    cursor = await conn.execute("SELECT FROM core.invoice WHERE id = %s", [invoice_id])
    return await cursor.fetchone() is not None


async def lock(conn: Connection, invoice_id: UUID) -> Invoice:
    """One invoice, kept from others until the commit. Raises InvoiceNotFound."""
    found = await lock_many(conn, [invoice_id])
    if not found:
        raise InvoiceNotFound
    return found[invoice_id]


async def lock_many(conn: Connection, invoice_ids: Sequence[UUID]) -> dict[UUID, Invoice]:
    """The invoices that exist, locked in the order of their ids, so that batches cannot deadlock."""
    found = await conn.execute(
        _SELECT + "WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE", [uuids(invoice_ids)]
    )
    return {row[0]: _invoice(row) for row in await found.fetchall()}


async def save(conn: Connection, invoices: Sequence[Invoice]) -> None:
    """Write the sums of locked invoices in one statement."""
    await conn.execute(
        """
        UPDATE core.invoice AS i
        SET paid_minor = n.paid, credited_minor = n.credited, credit_minor = n.credit, status = n.status,
            steps = n.steps, is_booked = true, updated_at = n.at
        FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::numeric[], %s::text[], %s::int[],
            %s::timestamptz[]) AS n (id, paid, credited, credit, status, steps, at)
        WHERE i.id = n.id
        """,
        [
            uuids([i.id for i in invoices]),
            ints([i.paid_minor for i in invoices]),
            ints([i.credited_minor for i in invoices]),
            ints([i.credit_minor for i in invoices]),
            texts([i.status.value for i in invoices]),
            ints([i.steps for i in invoices]),
            [i.updated_at for i in invoices],
        ],
    )


async def list_page(
    conn: Connection,
    *,
    limit: int,
    cursor: UUID | None = None,
    status: InvoiceStatus | None = None,
    customer: str | None = None,
    currency: str | None = None,
    overdue_at: datetime | None = None,
    client: str | None = None,
) -> tuple[list[Invoice], bool]:
    """A page, newest first, and whether there is more. overdue_at: only what was due and open by then.

    client: only that one's invoices. Raises InvalidCursor.
    """
    if cursor is not None and not await exists(conn, cursor):
        raise InvalidCursor("cursor is not one of ours")
    found = await conn.execute(
        _SELECT  # noqa: S608 (two literals)
        + """
        WHERE (%(cursor)s::uuid IS NULL OR (created_at, id) < (
                SELECT c.created_at, c.id FROM core.invoice AS c WHERE c.id = %(cursor)s::uuid))
            AND (%(status)s::text IS NULL OR status = %(status)s)
            AND (%(customer)s::text IS NULL OR customer = %(customer)s)
            AND (%(currency)s::text IS NULL OR currency = %(currency)s)
            AND (%(client)s::text IS NULL OR client = %(client)s)
            AND (%(overdue_at)s::timestamptz IS NULL
                OR due_at < %(overdue_at)s AND status IN ('sent', 'partially_paid'))
        ORDER BY created_at DESC, id DESC
        LIMIT %(fetch)s
        """,
        {
            "cursor": cursor,
            "status": None if status is None else status.value,
            "customer": customer,
            "currency": currency,
            "client": client,
            "overdue_at": overdue_at,
            "fetch": limit + 1,
        },
        prepare=False,
    )
    rows = await found.fetchall()
    return [_invoice(row) for row in rows[:limit]], len(rows) > limit


async def entries(conn: Connection, invoice_id: UUID, limit: int = 1000) -> list[InvoiceEntry]:
    """What the invoice posted, oldest first."""
    found = await conn.execute(
        """
        SELECT id, transaction_id, account_id, entry_type, direction, currency, amount::text, created_at
        FROM public.ledger_entries WHERE payment_id = %s LIMIT %s
        """,
        [str(invoice_id), limit],
    )
    names = ("id", "transaction_id", "account_id", "entry_type", "direction", "currency", "amount")
    return [
        InvoiceEntry(**dict(zip(names, row[:-1], strict=True)), created_at=row[-1])
        for row in await found.fetchall()
    ]


async def add_credit(conn: Connection, added: Mapping[tuple[str, str], int]) -> None:
    """Add to customers' credit, (customer, currency) by (customer, currency) in one order."""
    keys = sorted(key for key, amount in added.items() if amount)
    if keys:
        await conn.execute(
            """
            INSERT INTO core.customer_credit AS c (customer, currency, balance_minor)
            SELECT n.customer, n.currency, n.amount
            FROM unnest(%s::text[], %s::text[], %s::numeric[]) AS n (customer, currency, amount)
            ORDER BY n.customer COLLATE "C", n.currency COLLATE "C"
            ON CONFLICT (customer, currency) DO UPDATE
            SET balance_minor = c.balance_minor + excluded.balance_minor, updated_at = now()
            """,
            [
                texts([customer for customer, _ in keys]),
                texts([currency for _, currency in keys]),
                ints([added[key] for key in keys]),
            ],
        )


async def lock_credit(conn: Connection, customer: str, currency: str) -> tuple[int, int]:
    """A customer's credit and its steps so far, kept from others until the commit."""
    found = await conn.execute(
        """
        SELECT balance_minor, steps FROM core.customer_credit
        WHERE customer = %s AND currency = %s FOR NO KEY UPDATE
        """,
        [customer, currency],
    )
    row = await found.fetchone()
    return (0, 0) if row is None else (int(row[0]), row[1])


async def take_credit(conn: Connection, customer: str, currency: str, amount_minor: int) -> None:
    """Take from a locked credit; the table refuses to go below zero."""
    await conn.execute(
        """
        UPDATE core.customer_credit SET balance_minor = balance_minor - %s, steps = steps + 1,
            updated_at = now()
        WHERE customer = %s AND currency = %s
        """,
        [amount_minor, customer, currency],
    )


async def refunded_of(conn: Connection, customer: str, currency: str, since: datetime) -> int:
    """How much of a customer's credit was given back since then; the caller holds the credit."""
    found = await conn.execute(
        """
        SELECT coalesce(sum((data ->> 'amount_cents')::numeric), 0) FROM core.event
        WHERE subject = %s AND type = 'customer_credit.refunded' AND data ->> 'currency' = %s
            AND recorded_at >= %s
        """,
        [customer, currency, since],
    )
    return int((await found.fetchall())[0][0])


async def credits_of(conn: Connection, customer: str) -> list[tuple[str, int]]:
    """A customer's credit by currency."""
    found = await conn.execute(
        "SELECT currency, balance_minor FROM core.customer_credit WHERE customer = %s ORDER BY currency",
        [customer],
    )
    return [(currency, int(balance)) for currency, balance in await found.fetchall()]
