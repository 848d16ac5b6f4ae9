"""SQL of provider balances, statements and matches, and what confirming a match books.

Must not book anything that no operator has confirmed, but exact matches, which book nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from payments_schema.database.arrays import ints, texts, uuids
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


BALANCE_DUE: LiteralString = """
EXISTS (SELECT FROM core.wallet_payment WHERE due_at IS NOT NULL)
OR EXISTS (SELECT FROM core.wallet_payment WHERE created_at > now() - interval '5 minutes')
OR NOT EXISTS (SELECT FROM core.wallet_provider)
OR EXISTS (
    SELECT FROM core.wallet_provider
    WHERE error IS NOT NULL OR checked_at < now() - interval '2 minutes')
"""
"""As an expression: whether balances may have moved since they were read, are getting old, or are unknown."""


class NewBalance(NamedTuple):
    """What a provider says of our float; minor is None where it says nothing, and error says why."""

    provider: str
    minor: int | None
    error: str | None


_NOTE_BALANCES: LiteralString = """
INSERT INTO core.wallet_provider AS p (provider, currency, balance_minor, checked_at, error)
SELECT n.provider, %s, n.minor, %s, n.error
FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS n (provider, minor, error)
ORDER BY n.provider
ON CONFLICT (provider, currency) DO UPDATE
SET balance_minor = coalesce(excluded.balance_minor, p.balance_minor), error = excluded.error,
    checked_at = CASE WHEN excluded.error IS NULL THEN excluded.checked_at ELSE p.checked_at END
"""


async def note_balances(
    conn: Connection, currency: str, balances: Sequence[NewBalance], now: datetime
) -> None:
    """What providers say of our float, each once, in one statement; the last known balance stays."""
    columns = [
        texts([one.provider for one in balances]),
        ints([one.minor for one in balances]),
        texts([one.error for one in balances]),
    ]
    await conn.execute(_NOTE_BALANCES, [currency, now, *columns])


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
WHERE provider = %s AND currency = %s AND state = 'open' ORDER BY id LIMIT 5000
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


class Pending(NamedTuple):
    """What there was to be matched at one moment."""

    lines: list[Line]
    booked: list[Booked]
    refused: set[tuple[frozenset[int], frozenset[UUID]]]

    def matches(self, now: datetime) -> list[Match]:
        """What fits together. Pure, and may take seconds for a long statement: to be done without a lock.

        What an operator has rejected is not proposed again: its lines stay open, and age.
        """
        found = match_lines(self.lines, self.booked, now, SUSPENSE_AFTER)
        return [one for one in found if (frozenset(one.lines), frozenset(one.attempts)) not in self.refused]


async def match(conn: Connection, provider: str, currency: str, now: datetime) -> list[Match]:
    """Match the open lines; what is certain is done, what is not becomes a proposal."""
    pending = await read_pending(conn, provider, currency)
    return await put_matches(conn, provider, currency, pending.matches(now))


async def read_pending(conn: Connection, provider: str, currency: str) -> Pending:
    """The open lines, and what is booked and without a line."""
    rows = await (await conn.execute(_OPEN_LINES, [provider, currency])).fetchall()
    if not rows:
        return Pending([], [], set())
    since = min(row[3] for row in rows) - REACH
    values = {"provider": provider, "currency": currency, "since": since}
    booked = await (await conn.execute(_OPEN_ATTEMPTS, values)).fetchall()
    asked = await conn.execute(_REJECTED, [provider, [row[0] for row in rows]])
    refused = {(frozenset(lines), frozenset(attempts)) for lines, attempts in await asked.fetchall()}
    return Pending([Line(*row) for row in rows], [Booked(*row) for row in booked], refused)


_STILL_OPEN: LiteralString = """
SELECT id FROM core.wallet_statement_line WHERE id = ANY (%s) AND state = 'open' ORDER BY id FOR NO KEY UPDATE
"""

_TAKEN: LiteralString = """
SELECT DISTINCT taken.reference
FROM core.wallet_match AS m CROSS JOIN LATERAL unnest(m.attempts) AS taken (reference)
WHERE m.provider = %(provider)s AND m.state <> 'rejected' AND m.attempts && %(attempts)s::uuid[]
"""

_PUT_MATCHES: LiteralString = """
INSERT INTO core.wallet_match (provider, kind, lines, attempts, difference_minor, currency, state)
SELECT %(provider)s, n.kind, n.lines::bigint[], n.attempts::uuid[], n.difference_minor, %(currency)s, n.state
FROM unnest(%(kinds)s::text[], %(lines)s::text[], %(attempts)s::text[], %(differences)s::bigint[],
    %(states)s::text[]) WITH ORDINALITY AS n (kind, lines, attempts, difference_minor, state, place)
ORDER BY n.place
"""


async def put_matches(conn: Connection, provider: str, currency: str, found: Sequence[Match]) -> list[Match]:
    """Write matches down, but for those whose lines or attempts another matcher has taken meanwhile."""
    if not found:
        return []
    # One matcher at a time, so that no attempt is proposed for two lines.
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('wallet_match/' || %s, 0))", [provider])
    locked = await conn.execute(_STILL_OPEN, [[id for one in found for id in one.lines]])
    still_open = {row[0] for row in await locked.fetchall()}
    attempts = [reference for one in found for reference in one.attempts]
    asked = await conn.execute(_TAKEN, {"provider": provider, "attempts": attempts})
    taken = {row[0] for row in await asked.fetchall()}
    kept = [one for one in found if still_open.issuperset(one.lines) and taken.isdisjoint(one.attempts)]
    values = {
        "provider": provider,
        "currency": currency,
        "kinds": texts([one.kind for one in kept]),
        "lines": texts([ints(one.lines) for one in kept]),
        "attempts": texts([uuids(one.attempts) for one in kept]),
        "differences": ints([one.difference_minor for one in kept]),
        "states": texts(["confirmed" if one.is_certain else "proposed" for one in kept]),
    }
    await conn.execute(_PUT_MATCHES, values)
    await _set_lines(conn, [id for one in kept if one.is_certain for id in one.lines], "matched")
    await _set_lines(conn, [id for one in kept if not one.is_certain for id in one.lines], "proposed")
    return kept


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
