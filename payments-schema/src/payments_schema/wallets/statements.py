"""SQL of provider balances, statements and matches, and what confirming a match books.

Must not book anything that no operator has confirmed, but exact matches, which book nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from payments_schema.database.arrays import ints, texts
from payments_schema.errors import InvalidTransition, NotFound, PaymentsError
from payments_schema.ledger import store as ledger
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting
from payments_schema.money import Money
from payments_schema.wallets.matching import Booked, Line, Match
from payments_schema.wallets.matching import match as match_lines
from payments_schema.wallets.movements import FEES, SUSPENSE, float_of

Connection = AsyncConnection[TupleRow]
SUSPENSE_AFTER = timedelta(days=1)
REACH = timedelta(days=40)


class StatementContradicts(PaymentsError):
    """Lines that were taken in before now say something else: nothing of the statement is taken."""

    code = "statement_contradicts"
    status = 422


class MatchNotFound(NotFound):
    """No such match."""

    code = "match_not_found"


async def note_balance(
    conn: Connection, provider: str, currency: str, minor: int | None, error: str | None, now: datetime
) -> None:
    """What a provider says of our float, or why it says nothing; the last known balance stays."""
    await conn.execute(
        """
        INSERT INTO core.wallet_provider AS p (provider, currency, balance_minor, checked_at, error)
        VALUES (%(provider)s, %(currency)s, %(minor)s, %(now)s, %(error)s)
        ON CONFLICT (provider, currency) DO UPDATE
        SET balance_minor = coalesce(excluded.balance_minor, p.balance_minor), error = excluded.error,
            checked_at = CASE WHEN excluded.error IS NULL THEN excluded.checked_at ELSE p.checked_at END
        """,
        {"provider": provider, "currency": currency, "minor": minor, "now": now, "error": error},
    )


class NewLine(NamedTuple):
    """A line as a provider's statement has it; effect_minor is signed, the fee taken off."""

    provider_id: str
    reference: str
    effect_minor: int
    fee_minor: int
    currency: str
    at: datetime


_IMPORT: LiteralString = """
INSERT INTO core.wallet_statement_line (
    provider, provider_id, reference, effect_minor, fee_minor, currency, at)
SELECT %s, n.* FROM unnest(
    %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[]) AS n
ON CONFLICT (provider, provider_id) DO NOTHING
"""


async def import_lines(conn: Connection, provider: str, lines: Sequence[NewLine]) -> int:
    """Take in lines, each once; returns how many were new. Lines that move nothing are left out."""
    moving = [line for line in lines if line.effect_minor]
    if not moving:
        return 0
    done = await conn.execute(_IMPORT, [provider, *_columns(moving)])
    return done.rowcount


def _columns(lines: Sequence[NewLine]) -> list[str]:
    return [
        texts([line.provider_id for line in lines]),
        texts([line.reference for line in lines]),
        ints([line.effect_minor for line in lines]),
        ints([line.fee_minor for line in lines]),
        texts([line.currency for line in lines]),
        texts([line.at.isoformat() for line in lines]),
    ]


_OPEN_LINES: LiteralString = """
SELECT id, reference, effect_minor, at FROM core.wallet_statement_line
WHERE provider = %s AND currency = %s AND state = 'open' ORDER BY id LIMIT 5000 FOR NO KEY UPDATE
"""

_OPEN_ATTEMPTS: LiteralString = """
SELECT a.reference,
    CASE WHEN p.direction = 'collect' AND a.purpose = 'payment' THEN p.amount_minor ELSE -p.amount_minor END
        - a.fee_minor, a.resolved_at
FROM core.wallet_attempt AS a JOIN core.wallet_payment AS p ON p.id = a.payment_id
WHERE a.provider = %(provider)s AND a.state = 'succeeded' AND a.resolved_at > %(since)s
    AND p.currency = %(currency)s
    AND NOT EXISTS (
        SELECT FROM core.wallet_match AS m
        WHERE m.provider = a.provider AND m.attempts @> ARRAY[a.reference] AND m.state <> 'rejected')
ORDER BY a.resolved_at LIMIT 20000
"""


_CONTRADICTED: LiteralString = """
SELECT n.provider_id
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])
    AS n (provider_id, reference, effect_minor, fee_minor, currency, at)
JOIN core.wallet_statement_line AS l ON l.provider = %s AND l.provider_id = n.provider_id
WHERE (l.reference, l.effect_minor, l.fee_minor, l.currency)
    IS DISTINCT FROM (n.reference, n.effect_minor, n.fee_minor, n.currency)
ORDER BY n.provider_id LIMIT 100
"""


async def upload(
    conn: Connection, provider: str, lines: Sequence[NewLine], form: str, digest: str, operator: str
) -> tuple[int, int]:
    """Take in a statement that an operator has; returns the upload's number and how many lines were new.

    Raises StatementContradicts where a line is known with another content.
    """
    asked = [*_columns(lines), provider]
    wrong = [row[0] for row in await (await conn.execute(_CONTRADICTED, asked)).fetchall()]
    if wrong:
        raise StatementContradicts(
            "lines that were taken in before say something else now; nothing was taken", lines=wrong
        )
    fresh = await import_lines(conn, provider, lines)
    done = await conn.execute(
        "INSERT INTO core.wallet_statement_upload (provider, form, digest, lines, fresh, uploaded_by) "
        "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        [provider, form, digest, len(lines), fresh, operator],
    )
    (row,) = await done.fetchall()
    return row[0], fresh


_REJECTED: LiteralString = """
SELECT lines, attempts FROM core.wallet_match
WHERE provider = %s AND state = 'rejected' AND lines && %s::bigint[]
"""


async def match(conn: Connection, provider: str, currency: str, now: datetime) -> list[Match]:
    """Match the open lines; what is certain is done, what is not becomes a proposal.

    What an operator has rejected is not proposed again: its lines stay open, and age.
    """
    # One matcher at a time, so that no attempt is proposed for two lines.
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('wallet_match/' || %s, 0))", [provider])
    rows = await (await conn.execute(_OPEN_LINES, [provider, currency])).fetchall()
    if not rows:
        return []
    since = min(row[3] for row in rows) - REACH
    values = {"provider": provider, "currency": currency, "since": since}
    booked = await (await conn.execute(_OPEN_ATTEMPTS, values)).fetchall()
    found = match_lines([Line(*row) for row in rows], [Booked(*row) for row in booked], now, SUSPENSE_AFTER)
    asked = await conn.execute(_REJECTED, [provider, [row[0] for row in rows]])
    refused = {(frozenset(lines), frozenset(attempts)) for lines, attempts in await asked.fetchall()}
    found = [one for one in found if (frozenset(one.lines), frozenset(one.attempts)) not in refused]
    for one in found:
        state = "confirmed" if one.is_certain else "proposed"
        await conn.execute(
            """
            INSERT INTO core.wallet_match (provider, kind, lines, attempts, difference_minor, currency, state)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            """,
            [provider, one.kind, list(one.lines), list(one.attempts), one.difference_minor, currency, state],
        )
    await _set_lines(conn, [id for one in found if one.is_certain for id in one.lines], "matched")
    await _set_lines(conn, [id for one in found if not one.is_certain for id in one.lines], "proposed")
    return found


async def _set_lines(conn: Connection, lines: Sequence[int], state: str) -> None:
    if lines:
        await conn.execute(
            "UPDATE core.wallet_statement_line SET state = %s WHERE id = ANY (%s)", [state, list(lines)]
        )


async def list_matches(conn: Connection, state: str | None, limit: int) -> list[dict[str, Any]]:
    """Matches with the age of their oldest line, proposals of the longest standing first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            SELECT m.id, m.provider, m.kind, m.lines, m.attempts, m.difference_minor, m.currency, m.state,
                m.decided_by, m.decided_at, m.created_at,
                (SELECT min(l.at) FROM core.wallet_statement_line AS l
                WHERE l.id = ANY (m.lines)) AS oldest_at
            FROM core.wallet_match AS m
            WHERE %(state)s::text IS NULL OR m.state = %(state)s
            ORDER BY m.id LIMIT %(limit)s
            """,
            {"state": state, "limit": limit},
        )
        return await cursor.fetchall()


async def decide(
    conn: Connection, match_id: int, operator: str, accept: bool, now: datetime
) -> dict[str, Any]:
    """An operator confirms or rejects a proposal; what a confirmed one differs by is booked.

    Raises MatchNotFound, InvalidTransition.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT * FROM core.wallet_match WHERE id = %s FOR NO KEY UPDATE", [match_id])
        found = await cursor.fetchone()
    if found is None:
        raise MatchNotFound("There is no such match")
    if found["state"] != "proposed":
        raise InvalidTransition(
            "It was decided before", current_status=str(found["state"]), allowed_actions=[]
        )
    state = "confirmed" if accept else "rejected"
    await conn.execute(
        "UPDATE core.wallet_match SET state = %s, decided_by = %s, decided_at = %s WHERE id = %s",
        [state, operator, now, match_id],
    )
    await _set_lines(conn, found["lines"], "matched" if accept else "open")
    if accept and found["difference_minor"]:
        await ledger.post(conn, difference(match_id, found, now))
    return {**found, "state": state, "decided_by": operator, "decided_at": now}


def difference(match_id: int, found: dict[str, Any], now: datetime) -> Posting:
    """Book what the statement says beyond our books: a fee where there is a payment, else suspense."""
    minor: int = found["difference_minor"]
    ours = float_of(found["provider"])
    other = SUSPENSE if found["kind"] == "suspense" else FEES
    amount = Money(abs(minor), found["currency"])
    debit, credit = (ours, other) if minor > 0 else (other, ours)
    entries = (Entry(debit, DEBIT, amount), Entry(credit, CREDIT, amount))
    return Posting("wallet_statement", f"match-{match_id}", "difference", entries, now)
