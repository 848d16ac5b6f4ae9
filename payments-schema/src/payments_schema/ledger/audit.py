"""Does it all still add up? Reads only, one statement and so one snapshot per check. Must not repair."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.errors import NumericValueOutOfRange
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, dict_row

from payments_schema.ledger import card_checks, fingerprints, invoice_checks
from payments_schema.wire.ledger import Integrity, IntegrityCheck

MOST_OFFENDERS = 100
NOTHING: Mapping[Look, bool] = {}


class Look(StrEnum):
    """The quick looks; each says of several checks at once that nothing is wrong."""

    ENTRIES = "entries"
    RELATED = "related"


class Check(NamedTuple):
    """A name that states what must hold, and a query whose rows are the offenders."""

    name: str
    offenders: LiteralString
    looks: tuple[Look, ...] = ()
    """Where all of these are clean there can be no offenders; far cheaper than naming them."""


LEDGER_CHECKS = (
    Check(
        "trial balance is zero in every currency",
        """
        SELECT a.currency, sum(b.posted_dr) AS posted_debits, sum(b.posted_cr) AS posted_credits,
            sum(b.pending_dr) AS pending_debits, sum(b.pending_cr) AS pending_credits
        FROM ledger.balance AS b JOIN ledger.account AS a ON a.id = b.account_id
        GROUP BY a.currency
        HAVING sum(b.posted_dr) <> sum(b.posted_cr) OR sum(b.pending_dr) <> sum(b.pending_cr)
        """,
    ),
    Check(
        "every balance is the sum of its entries",
        """
        SELECT coalesce(b.account_id, e.account_id) AS account_id, a.code, a.currency,
            b.posted_dr, e.posted_dr AS entries_dr, b.posted_cr, e.posted_cr AS entries_cr,
            b.pending_dr, e.pending_dr AS entries_pending_dr, b.pending_cr, e.pending_cr AS entries_pending_cr
        FROM ledger.balance AS b
        FULL JOIN (
            SELECT account_id,
                sum(amount_minor) FILTER (WHERE direction = 'debit' AND NOT is_pending) AS posted_dr,
                sum(amount_minor) FILTER (WHERE direction = 'credit' AND NOT is_pending) AS posted_cr,
                sum(amount_minor) FILTER (WHERE direction = 'debit' AND is_pending) AS pending_dr,
                sum(amount_minor) FILTER (WHERE direction = 'credit' AND is_pending) AS pending_cr
            FROM ledger.entry GROUP BY account_id
        ) AS e ON e.account_id = b.account_id
        LEFT JOIN ledger.account AS a ON a.id = b.account_id
        WHERE b.account_id IS NULL OR a.id IS NULL
            OR (b.posted_dr, b.posted_cr, b.pending_dr, b.pending_cr) IS DISTINCT FROM
                (coalesce(e.posted_dr, 0), coalesce(e.posted_cr, 0),
                 coalesce(e.pending_dr, 0), coalesce(e.pending_cr, 0))
        """,
        (Look.ENTRIES,),
    ),
    Check(
        "entry versions have no gap",
        """
        SELECT b.account_id, b.version AS balance_version, e.last_version, e.entries
        FROM ledger.balance AS b
        LEFT JOIN (
            SELECT account_id, count(*) AS entries, min(version) AS first_version,
                max(version) AS last_version
            FROM ledger.entry GROUP BY account_id
        ) AS e ON e.account_id = b.account_id
        WHERE b.version <> coalesce(e.entries, 0) OR b.version <> coalesce(e.last_version, 0)
            OR e.first_version <> 1
        """,
        (Look.ENTRIES,),
    ),
    Check(
        "every entry continues the balance before it",
        """
        SELECT r.account_id, r.version, r.balance_after, r.before + r.net * a.sign AS expected
        FROM (
            SELECT e.account_id, e.version, e.balance_after,
                coalesce(
                    lag(e.balance_after) OVER (PARTITION BY e.account_id ORDER BY e.version), 0) AS before,
                CASE WHEN e.is_pending THEN 0 WHEN e.direction = 'credit' THEN e.amount_minor
                    ELSE -e.amount_minor END AS net
            FROM ledger.entry AS e
        ) AS r
        JOIN (
            SELECT id, CASE normal_side WHEN 'credit' THEN 1 ELSE -1 END AS sign FROM ledger.account
        ) AS a ON a.id = r.account_id
        WHERE r.balance_after <> r.before + r.net * a.sign
        """,
        (Look.ENTRIES,),
    ),
    Check(
        "every transaction has entries and balances",
        """
        SELECT suspect.id AS transaction_id, suspect.reference, suspect.kind, b.currency, b.off_by
        FROM (
            SELECT t.id, t.reference, t.kind, l.legs
            FROM ledger.transaction AS t
            LEFT JOIN (
                SELECT e.transaction_id, count(*) AS legs,
                    sum(CASE e.direction WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END) AS off_by,
                    min(a.currency COLLATE "C") <> max(a.currency COLLATE "C") AS is_mixed
                FROM ledger.entry AS e JOIN ledger.account AS a ON a.id = e.account_id
                GROUP BY e.transaction_id
            ) AS l ON l.transaction_id = t.id
            WHERE l.legs IS NULL OR l.legs < 2 OR l.off_by <> 0 OR l.is_mixed
        ) AS suspect
        LEFT JOIN LATERAL (
            SELECT a.currency,
                sum(CASE e.direction WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END) AS off_by
            FROM ledger.entry AS e JOIN ledger.account AS a ON a.id = e.account_id
            WHERE e.transaction_id = suspect.id
            GROUP BY a.currency
        ) AS b ON true
        WHERE coalesce(suspect.legs, 0) < 2 OR b.off_by <> 0
        """,
        (Look.ENTRIES, Look.RELATED),
    ),
    Check(
        "every entry belongs to a transaction of its phase",
        """
        SELECT e.account_id, e.version, e.transaction_id
        FROM ledger.entry AS e LEFT JOIN ledger.transaction AS t ON t.id = e.transaction_id
        WHERE t.id IS NULL OR (t.phase = 'pending') <> e.is_pending
        """,
        (Look.RELATED,),
    ),
)

PAYMENT_CHECKS = (
    Check(
        "every completed payment is posted once, in full",
        """
        SELECT p.id AS payment_id, p.amount_minor, e.posted
        FROM core.payment AS p
        LEFT JOIN (
            SELECT t.reference, sum(e.amount_minor) AS posted, count(*) AS times
            FROM ledger.transaction AS t
            JOIN ledger.entry AS e ON e.transaction_id = t.id AND e.direction = 'credit'
            JOIN ledger.account AS a ON a.id = e.account_id AND a.owner_kind = 'customer'
            WHERE t.key = 'reconciled'
            GROUP BY t.reference
        ) AS e ON e.reference = p.id::text
        WHERE p.status = 'completed' AND (e.posted IS DISTINCT FROM p.amount_minor OR e.times <> 1)
        """,
    ),
    Check(
        "no other payment is posted",
        """
        SELECT p.id AS payment_id, p.status, t.id AS transaction_id
        FROM core.payment AS p
        JOIN ledger.transaction AS t ON t.reference = p.id::text AND t.key = 'reconciled'
        WHERE p.status <> 'completed'
        """,
    ),
    Check(
        "payments, jobs and results agree",
        """
        SELECT coalesce(p.id, j.payment_id, r.payment_id) AS payment_id, p.status AS payment,
            j.id AS job_id, j.status AS job, r.status AS result
        FROM core.payment AS p
        FULL JOIN (SELECT id, payment_id, status FROM core.recon_job WHERE kind = 'reconcile') AS j
            ON j.payment_id = p.id
        FULL JOIN core.reconciliation_result AS r ON r.payment_id = coalesce(p.id, j.payment_id)
        WHERE p.id IS NULL OR j.id IS NULL
            OR (p.status = 'pending') <> (r.id IS NULL)
            OR (r.id IS NOT NULL AND (j.status <> 'completed' OR r.recon_job_id <> j.id
                OR (p.status = 'failed') <> (r.status = 'failed')))
            OR (r.id IS NULL AND j.status = 'completed')
        """,
    ),
    Check(
        "every idempotency key of a payment leads to its payment",
        """
        SELECT k.client, k.key, k.resource_id
        FROM core.idempotency_key AS k
        LEFT JOIN core.payment AS p
            ON p.id = CASE WHEN k.route = 'POST /payments' THEN k.resource_id::uuid END
        WHERE k.route = 'POST /payments'
            AND (p.id IS NULL OR p.idempotency_key <> k.key OR p.client <> k.client)
        """,
    ),
    Check(
        "every payment and every verdict has its event, once",
        """
        SELECT p.id AS payment_id, p.status,
            coalesce(e.created, 0) AS created, coalesce(e.decided, 0) AS decided
        FROM core.payment AS p
        LEFT JOIN (
            SELECT subject, count(*) FILTER (WHERE type = 'payment.created') AS created,
                count(*) FILTER (WHERE type IN ('payment.completed', 'payment.failed')) AS decided
            FROM core.event WHERE type IN ('payment.created', 'payment.completed', 'payment.failed')
            GROUP BY subject
        ) AS e ON e.subject = p.id::text
        WHERE coalesce(e.created, 0) <> 1
            OR coalesce(e.decided, 0) <> CASE p.status WHEN 'pending' THEN 0 ELSE 1 END
        """,
    ),
    Check(
        "no event speaks of a payment that is not there",
        """
        SELECT e.id AS event_id, e.type, e.subject
        FROM core.event AS e
        LEFT JOIN core.payment AS p ON p.id::text = e.subject
        WHERE e.type IN ('payment.created', 'payment.completed', 'payment.failed') AND p.id IS NULL
        """,
    ),
)

CARD_CHECKS: tuple[Check, ...] = tuple(Check(name, offenders) for name, offenders in card_checks.CHECKS)

INVOICE_CHECKS: tuple[Check, ...] = tuple(Check(*check) for check in invoice_checks.CHECKS)

ALL_CHECKS: tuple[Check, ...] = LEDGER_CHECKS + PAYMENT_CHECKS + CARD_CHECKS + INVOICE_CHECKS


_PLANNING: LiteralString = """
SELECT set_config('work_mem', %s, true), set_config('enable_nestloop', %s, true), set_config('jit', %s, true)
"""
_LOOKS: dict[Look, LiteralString] = {
    Look.ENTRIES: fingerprints.ENTRIES,
    Look.RELATED: fingerprints.RELATED,
}


@asynccontextmanager
async def _planned_for_whole_tables(conn: AsyncConnection[TupleRow]) -> AsyncGenerator[None]:
    """In memory and by hash, also where the planner does not know yet how many rows a fresh table has.

    Else it would compare each with each; and compiling expressions takes longer than it saves.
    """
    before = await conn.execute(
        "SELECT current_setting('work_mem'), current_setting('enable_nestloop'), current_setting('jit')"
    )
    found = await before.fetchone()
    await conn.execute(_PLANNING, ["64MB", "off", "off"])
    try:
        yield
    finally:
        if conn.info.transaction_status is not TransactionStatus.INERROR:
            await conn.execute(_PLANNING, found or ("4MB", "on", "on"))


async def is_clean(conn: AsyncConnection[TupleRow], look: Look, *, after: int = 0) -> bool:
    """Take a quick look; after: for RELATED, the number of the transaction behind which it looks."""
    try:
        async with conn.transaction(), _planned_for_whole_tables(conn):
            cursor = await conn.execute(_LOOKS[look], {"after": after})
            return await cursor.fetchone() is None
    except NumericValueOutOfRange:
        return False  # amounts too large for a quick look: the checks themselves can tell


async def integrity(
    conn: AsyncConnection[TupleRow],
    checks: Sequence[Check] = ALL_CHECKS,
    known: Mapping[Look, bool] = NOTHING,
) -> Integrity:
    """Run the checks against live data; each names its first hundred offenders.

    known: the quick looks that were taken already, and whether they were clean.
    A unit of work that commits meanwhile is seen by a check as a whole or not at all, so none is accused.
    """
    looks = dict(known)
    results: list[IntegrityCheck] = []
    for check in checks:
        for look in check.looks:
            if look not in looks:
                looks[look] = await is_clean(conn, look)
        if check.looks and all(looks[look] for look in check.looks):
            results.append(IntegrityCheck(name=check.name, ok=True, offenders=[]))
        else:
            results.append(await _run(conn, check))
    return Integrity(ok=all(result.ok for result in results), checks=results)


async def _run(conn: AsyncConnection[TupleRow], check: Check) -> IntegrityCheck:
    async with _planned_for_whole_tables(conn), conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(check.offenders + " LIMIT 100")
        found = await cursor.fetchall()
    offenders = [{name: _plain(value) for name, value in row.items()} for row in found]
    return IntegrityCheck(name=check.name, ok=not offenders, offenders=offenders)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value
