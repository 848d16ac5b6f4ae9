"""SQL of the rules in force and the risk lists. Older versions stay: a past decision can be explained.

Must not judge a payment, must not change a rule without saying who did, and must not fail for what it cannot
read: a version that another release wrote is named instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any, LiteralString, NamedTuple, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import class_row
from pydantic import TypeAdapter, ValidationError

from payments_schema.wallets.risk import RULES, Outcome, Rules
from payments_schema.wallets.routing import WEIGHTS, Weights

Connection = AsyncConnection[Any]
T = TypeVar("T")


class RuleSet(NamedTuple):
    """One version; None where the built-in rules or weights are in force. version 0: nothing was ever set.

    unreadable: why a part that is stored cannot be read, by its name; it is None then, too.
    """

    version: int
    risk: Rules | None
    routing: Weights | None
    set_by: str | None
    set_at: datetime | None
    unreadable: Mapping[str, str] = MappingProxyType({})


_VERSIONS: LiteralString = """
SELECT version, risk, routing, set_by, set_at FROM core.wallet_rules ORDER BY version DESC LIMIT %s
"""

_PUT: LiteralString = """
INSERT INTO core.wallet_rules (risk, routing, set_by)
SELECT coalesce(%(risk)s::jsonb, (SELECT r.risk FROM core.wallet_rules AS r ORDER BY r.version DESC LIMIT 1)),
    coalesce(%(routing)s::jsonb,
        (SELECT r.routing FROM core.wallet_rules AS r ORDER BY r.version DESC LIMIT 1)),
    %(by)s
RETURNING version, risk, routing, set_by, set_at
"""


async def in_force(conn: Connection) -> RuleSet:
    """The newest version."""
    found = await versions(conn, 1)
    return found[0] if found else RuleSet(0, None, None, None, None)


async def versions(conn: Connection, limit: int) -> list[RuleSet]:
    """The versions, newest first."""
    return [_rule_set(*row) for row in await (await conn.execute(_VERSIONS, [limit])).fetchall()]


async def put(conn: Connection, risk: Rules | None, routing: Weights | None, by: str) -> RuleSet:
    """Put a version in force; what is not given stays as it was."""
    # One at a time, so that what is not given is taken from the version just before.
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('wallet_rules', 0))")
    values = {
        "risk": None if risk is None else risk.model_dump_json(),
        "routing": None if routing is None else json.dumps(asdict(routing)),
        "by": by,
    }
    (row,) = await (await conn.execute(_PUT, values)).fetchall()
    return _rule_set(*row)


def _rule_set(version: int, risk: Any, routing: Any, set_by: str, set_at: datetime) -> RuleSet:
    unreadable: dict[str, str] = {}
    rules = _read("risk", RULES, risk, unreadable)
    weights = _read("routing", WEIGHTS, routing, unreadable)
    return RuleSet(version, rules, weights, set_by, set_at, unreadable)


def _read(part: str, shape: TypeAdapter[T], stored: Any, unreadable: dict[str, str]) -> T | None:
    if stored is None:
        return None
    try:
        return shape.validate_python(stored)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        unreadable[part] = f"{where}: {first['msg']}" if where else first["msg"]
        return None


class Listed(NamedTuple):
    """One entry of the risk lists; the subject is a telephone number, a client, or `client/user`."""

    subject: str
    verdict: Outcome
    reason: str
    added_by: str
    added_at: datetime


async def listed(conn: Connection, *, limit: int, after: str | None, verdict: str | None) -> list[Listed]:
    """The entries in the order of their subjects."""
    async with conn.cursor(row_factory=class_row(Listed)) as cursor:
        await cursor.execute(
            """
            SELECT subject, verdict, reason, added_by, added_at FROM core.wallet_risk_list
            WHERE (%(after)s::text IS NULL OR subject > %(after)s)
                AND (%(verdict)s::text IS NULL OR verdict = %(verdict)s)
            ORDER BY subject LIMIT %(limit)s
            """,
            {"limit": limit, "after": after, "verdict": verdict},
        )
        return await cursor.fetchall()


async def enlist(conn: Connection, subject: str, verdict: Outcome, reason: str, by: str) -> Listed:
    """Put a subject on the list, or change its entry."""
    async with conn.cursor(row_factory=class_row(Listed)) as cursor:
        await cursor.execute(
            """
            INSERT INTO core.wallet_risk_list AS l (subject, verdict, reason, added_by)
            VALUES (%s, %s, %s, %s)
            ON CONFLICT (subject) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,
                added_by = excluded.added_by, added_at = now()
            RETURNING l.subject, l.verdict, l.reason, l.added_by, l.added_at
            """,
            [subject, verdict, reason, by],
        )
        (entry,) = await cursor.fetchall()
    await _note(conn, subject, verdict, reason, by)
    return entry


async def delist(conn: Connection, subject: str, reason: str, by: str) -> bool:
    """Take a subject off the list; whether it was on it."""
    done = await conn.execute("DELETE FROM core.wallet_risk_list WHERE subject = %s", [subject])
    if done.rowcount:
        await _note(conn, subject, None, reason, by)
    return done.rowcount > 0


async def _note(conn: Connection, subject: str, verdict: str | None, reason: str, by: str) -> None:
    await conn.execute(
        "INSERT INTO core.wallet_risk_list_change (subject, verdict, reason, changed_by) "
        "VALUES (%s, %s, %s, %s)",
        [subject, verdict, reason, by],
    )
