"""What an operator may do about the books: reverse a transaction once, resolve or write off a difference.

Must not change a row: each correction is a new transaction with its reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.errors import InvalidAmount, InvalidTransition, NotFound
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.ledger import store
from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, platform
from payments_schema.money import Money
from payments_schema.wire.ledger import Direction, Phase

Connection = AsyncConnection[TupleRow]

REVERSIBLE = ("import", "adjustment.resolve", "adjustment.write_off")
"""Kinds that stand for themselves. The others belong to a payment's life, which has moves of its own."""

_OTHER_SIDE: Mapping[str, Account] = {
    "resolve": platform("settlement_clearing"),
    "write_off": platform("write_offs"),
}


class Adjustment(NamedTuple):
    """An audit row: what was done about a payment's difference, by whom and why."""

    id: int
    payment_id: str
    action: str
    amount: Money
    reason: str
    actor: str
    transaction_id: str
    created_at: datetime


class OpenDifference(NamedTuple):
    """What still waits in suspense for one payment."""

    payment_id: str
    amount: Money
    since: datetime


def adjustment(payment_id: str, action: str, amount: Money, step: int) -> Posting:
    """Take `amount` out of suspense. resolve: the money was found; write_off: it is given up.

    step: which adjustment of this payment it is, from 1.
    """
    entries = (Entry(_OTHER_SIDE[action], DEBIT, amount), Entry(platform("suspense"), CREDIT, amount))
    return Posting(f"adjustment.{action}", payment_id, f"adjustment-{step}", entries)


def reversal(number: int, kind: str, reference: str, entries: tuple[Entry, ...]) -> Posting:
    """The opposite of a transaction: same entries, other sides."""
    turned = tuple(Entry(e.account, CREDIT if e.direction is DEBIT else DEBIT, e.amount) for e in entries)
    return Posting(f"reversal.{kind}", reference, f"reversal-{number}", turned, reverses=number)


async def reverse(conn: Connection, transaction_id: str, *, reason: str, actor: str) -> int:
    """Take back a transaction, once; returns the number of the new one.

    Raises NotFound; InvalidTransition where its kind is a payment's own or it was reversed before.
    """
    number = ids.parse_sequence_id("txn", transaction_id)
    kind, reference, phase, entries = await _transaction(conn, number)
    if kind not in REVERSIBLE or phase is not Phase.POSTED:
        raise InvalidTransition(
            f"A transaction of kind {kind} is not reversed: it belongs to a payment, which has its own moves",
            current_status=kind,
            allowed_actions=["void or refund the payment"],
        )
    assert number is not None
    posted = await store.post(conn, reversal(number, kind, reference, entries))
    if posted.outcome == "duplicate" or posted.transaction_id is None:
        raise InvalidTransition("It was reversed before", current_status="reversed", allowed_actions=[])
    new = ids.sequence_id("txn", posted.transaction_id)
    facts = {"transaction_id": new, "reverses": transaction_id, "reason": reason, "actor": actor}
    await events.record(conn, NewEvent("ledger.transaction_reversed", transaction_id, facts))
    return posted.transaction_id


async def _transaction(conn: Connection, number: int | None) -> tuple[str, str, Phase, tuple[Entry, ...]]:
    cursor = await conn.execute(
        """
        SELECT t.kind, t.reference, t.phase, a.owner_kind, a.code, e.direction, e.amount_minor, a.currency
        FROM ledger.transaction AS t
        JOIN ledger.entry AS e ON e.transaction_id = t.id
        JOIN ledger.account AS a ON a.id = e.account_id
        WHERE t.id = %s
        ORDER BY e.leg
        """,
        [number],
    )
    rows = await cursor.fetchall()
    if not rows:
        raise NotFound("No such transaction")
    entries = tuple(
        Entry(Account(owner_kind, code), Direction(direction), Money(amount, currency))
        for *_, owner_kind, code, direction, amount, currency in rows
    )
    kind, reference, phase = rows[0][:3]
    return kind, reference, Phase(phase), entries


async def adjust(
    conn: Connection, payment_id: str, action: str, amount: Money | None, *, reason: str, actor: str
) -> Adjustment:
    """Resolve or write off (a part of) what waits in suspense for a payment; all of it without an amount.

    Raises NotFound where nothing ever waited, InvalidTransition where nothing waits any more,
    InvalidAmount above what waits.
    """
    waiting, steps = await _waiting(conn, payment_id)
    amount = amount or waiting
    if amount.currency != waiting.currency or not 0 < amount.minor <= waiting.minor:
        raise InvalidAmount("amount is not positive, or above what is open", remaining=waiting.minor)
    posted = await store.post(conn, adjustment(payment_id, action, amount, steps + 1))
    made = await conn.execute(
        """
        INSERT INTO core.adjustment
            (payment_id, action, amount_minor, currency, reason, actor, transaction_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id, created_at
        """,
        [payment_id, action, amount.minor, amount.currency, reason, actor, posted.transaction_id],
    )
    made_row = await made.fetchone()
    assert made_row is not None
    assert posted.transaction_id is not None
    return Adjustment(
        made_row[0],
        payment_id,
        action,
        amount,
        reason,
        actor,
        ids.sequence_id("txn", posted.transaction_id),
        made_row[1],
    )


async def waiting(conn: Connection, payment_id: str) -> Money:
    """What waits in suspense for a payment, which stays locked. Raises NotFound, InvalidTransition."""
    return (await _waiting(conn, payment_id))[0]


async def _waiting(conn: Connection, payment_id: str) -> tuple[Money, int]:
    """What waits, and how often something was done about it."""
    if ids.parse_uuid(payment_id) is None:
        raise NotFound("No difference was ever open for this payment")
    # The payment is locked before any balance, as everywhere: two operators at once take turns here.
    cursor = await conn.execute(
        """
        WITH payment AS (
            SELECT id, currency FROM core.payment WHERE id = %(id)s::uuid FOR NO KEY UPDATE
        )
        SELECT r.discrepancy_minor, p.currency FROM payment AS p
        JOIN core.reconciliation_result AS r ON r.payment_id = p.id
        WHERE r.discrepancy_minor IS NOT NULL
        """,
        {"id": payment_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No difference was ever open for this payment")
    discrepancy, currency = row
    steps, taken = await _taken(conn, payment_id)
    left = int(discrepancy) - taken
    if left == 0:
        raise InvalidTransition("The difference is settled", current_status="settled", allowed_actions=[])
    return Money(left, currency), steps


async def written_off(conn: Connection, payment_id: str, currency: str) -> Money:
    """What was given up of a payment's difference, all in all; what was reversed counts as well."""
    cursor = await conn.execute(
        """
        SELECT coalesce(sum(amount_minor), 0)::bigint FROM core.adjustment
        WHERE payment_id = %s AND action = 'write_off'
        """,
        [payment_id],
    )
    row = await cursor.fetchone()
    assert row is not None
    return Money(row[0], currency)


async def _taken(conn: Connection, payment_id: str) -> tuple[int, int]:
    """How often a difference was adjusted, and how much is settled; a reversed adjustment settles none."""
    cursor = await conn.execute(
        """
        SELECT count(*), coalesce(sum(a.amount_minor) FILTER (WHERE t.id IS NULL), 0)
        FROM core.adjustment AS a LEFT JOIN ledger.transaction AS t ON t.reverses = a.transaction_id
        WHERE a.payment_id = %s
        """,
        [payment_id],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], int(row[1])


async def adjustments(conn: Connection, payment_id: str) -> list[Adjustment]:
    """What was done about a payment's difference, oldest first."""
    cursor = await conn.execute(
        """
        SELECT id, payment_id, action, amount_minor, currency, reason, actor, transaction_id, created_at
        FROM core.adjustment WHERE payment_id = %s ORDER BY id
        """,
        [payment_id],
    )
    return [
        Adjustment(
            number, payment, action, Money(amount, currency), why, who, ids.sequence_id("txn", posted), at
        )
        for number, payment, action, amount, currency, why, who, posted, at in await cursor.fetchall()
    ]


async def open_differences(
    conn: Connection, *, limit: int = 100, after: int = 0
) -> list[tuple[int, OpenDifference]]:
    """Differences that still wait, oldest first, each with its cursor."""
    cursor = await conn.execute(
        """
        SELECT r.id, r.payment_id::text, r.discrepancy_minor - coalesce(a.taken, 0), p.currency, r.created_at
        FROM core.reconciliation_result AS r
        JOIN core.payment AS p ON p.id = r.payment_id
        LEFT JOIN LATERAL (
            SELECT sum(d.amount_minor) AS taken
            FROM core.adjustment AS d LEFT JOIN ledger.transaction AS t ON t.reverses = d.transaction_id
            WHERE d.payment_id = r.payment_id::text AND t.id IS NULL
        ) AS a ON true
        WHERE r.discrepancy_minor IS NOT NULL AND r.id > %s AND r.discrepancy_minor > coalesce(a.taken, 0)
        ORDER BY r.id
        LIMIT %s
        """,
        [after, limit],
    )
    return [
        (number, OpenDifference(payment, Money(int(amount), currency), since))
        for number, payment, amount, currency, since in await cursor.fetchall()
    ]
