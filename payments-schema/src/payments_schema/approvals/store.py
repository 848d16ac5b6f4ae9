"""SQL of requests that wait for a second person. Must not decide anything; one statement a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from payments_schema.errors import InvalidTransition, NotFound
from payments_schema.money import Money, major
from payments_schema.wire.approvals import ApprovalKind, ApprovalState, ApprovalView

Connection = AsyncConnection[TupleRow]


class ApprovalNotFound(NotFound):
    """No such request."""

    def __init__(self) -> None:
        super().__init__("There is no such request for approval")


async def ask(
    conn: Connection, kind: ApprovalKind, subject: str, amount: Money, *, reason: str, asked_by: str
) -> ApprovalView:
    """Write a request down. Raises InvalidTransition while another one waits for the same money."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            INSERT INTO core.approval (kind, subject, amount_minor, currency, reason, asked_by)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (kind, subject) WHERE state IN ('waiting', 'approved') DO NOTHING
            RETURNING *
            """,
            [kind.value, subject, amount.minor, amount.currency, reason, asked_by],
        )
        row = await cursor.fetchone()
    if row is None:
        raise InvalidTransition(
            "Another request for it waits already", current_status="waiting", allowed_actions=["withdraw"]
        )
    return _view(row)


async def get(conn: Connection, number: int) -> ApprovalView:
    """Read a request. Raises ApprovalNotFound."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT * FROM core.approval WHERE id = %s", [number])
        return _found(await cursor.fetchone())


async def lock(conn: Connection, number: int) -> ApprovalView:
    """Read a request that nobody else decides meanwhile. Raises ApprovalNotFound."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT * FROM core.approval WHERE id = %s FOR NO KEY UPDATE", [number])
        return _found(await cursor.fetchone())


async def list_page(
    conn: Connection, *, limit: int, before: int | None, states: Sequence[ApprovalState]
) -> list[ApprovalView]:
    """Requests, newest first; of every state where none is named."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            SELECT * FROM core.approval
            WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
                AND (cardinality(%(states)s::text[]) = 0 OR state = ANY(%(states)s))
            ORDER BY id DESC LIMIT %(limit)s
            """,
            {"before": before, "states": [state.value for state in states], "limit": limit},
        )
        return [_view(row) for row in await cursor.fetchall()]


async def decide(
    conn: Connection, number: int, state: ApprovalState, *, decided_by: str | None, reason: str | None
) -> None:
    """Write a decision down."""
    await conn.execute(
        """
        UPDATE core.approval SET state = %s, decided_by = %s, decided_at = now(), decision_reason = %s
        WHERE id = %s
        """,
        [state.value, decided_by, reason, number],
    )


async def finish(conn: Connection, number: int, state: ApprovalState, outcome: str) -> None:
    """Write down how it went; only what was approved can be finished, and only once."""
    await conn.execute(
        "UPDATE core.approval SET state = %s, outcome = %s WHERE id = %s AND state = 'approved'",
        [state.value, outcome, number],
    )


def _found(row: dict[str, Any] | None) -> ApprovalView:
    if row is None:
        raise ApprovalNotFound
    return _view(row)


def _view(row: dict[str, Any]) -> ApprovalView:
    members = {name: value for name, value in row.items() if name != "amount_minor"}
    return ApprovalView(amount=major(row["amount_minor"], row["currency"]), **members)
