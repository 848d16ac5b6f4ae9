"""SQL that tells what happened to one payment, on one time axis. Must not write, nor judge what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.phones import mask_text
from payments_schema.wire.ledger import LedgerTransaction
from payments_schema.wire.operations import Step, StepKind

Connection = AsyncConnection[TupleRow]
MOST_STEPS = 500
"""A payment with more events than this is shown by its first ones."""


async def of_direct(conn: Connection, payment_id: UUID) -> list[Step]:
    """How a direct payment was asked for, queued and judged."""
    found = await conn.execute(
        """
        SELECT p.created_at, p.idempotency_key, p.client, k.route, j.id, j.status, j.attempts, j.locked_by,
            j.last_error, j.created_at, j.updated_at, j.message_id,
            r.status, r.matched, r.notes, r.created_at
        FROM core.payment AS p
        LEFT JOIN core.idempotency_key AS k ON k.client = p.client AND k.key = p.idempotency_key
        LEFT JOIN core.recon_job AS j ON j.payment_id = p.id
        LEFT JOIN core.reconciliation_result AS r ON r.payment_id = p.id
        WHERE p.id = %s
        """,
        [payment_id],
    )
    steps: list[Step] = []
    for at, key, client, route, *rest in await found.fetchall():
        asked = {"route": route, "idempotency_key": key, "client": client}
        steps.append(_step(at, StepKind.REQUEST, "Asked for", asked))
        steps += _job_and_verdict(rest)
    return steps


def _job_and_verdict(row: Sequence[Any]) -> list[Step]:
    job, status, attempts, worker, error, made_at, changed_at, message, verdict, matched, notes, at = row
    steps: list[Step] = []
    if job is not None:
        steps.append(_step(made_at, StepKind.JOB, "Job queued", {"job": job, "message": message}))
    if job is not None and attempts:
        worked = {"attempts": attempts, "worker": worker, "error": error}
        steps.append(_step(changed_at, StepKind.JOB, f"Job {status}", worked))
    if verdict is not None:
        title = f"Reconciliation: {verdict.replace('_', ' ')}"
        steps.append(_step(at, StepKind.VERDICT, title, {"matched": matched, "notes": notes}))
    return steps


async def of_wallet(conn: Connection, payment_id: str) -> list[Step]:
    """How a wallet payment moved, to whom it was sent, and why to that provider."""
    steps: list[Step] = []
    moved = await conn.execute(
        "SELECT at, from_status, to_status, actor, reason FROM core.wallet_transition "
        "WHERE payment_id = %s ORDER BY at",
        [payment_id],
    )
    for at, before, after, actor, reason in await moved.fetchall():
        facts = {"from": before, "actor": actor, "reason": reason}
        steps.append(_step(at, StepKind.TRANSITION, f"Became {after}", facts))
    tried = await conn.execute(
        """
        SELECT created_at, purpose, number, provider, reference, state, sends, inquiries, code, resolved_at
        FROM core.wallet_attempt WHERE payment_id = %s ORDER BY created_at
        """,
        [payment_id],
    )
    for at, purpose, number, provider, reference, *rest in await tried.fetchall():
        state, sends, inquiries, code, over = rest
        facts = {
            "purpose": purpose,
            "reference": reference,
            "state": state,
            "sends": sends,
            "inquiries": inquiries,
            "code": code,
            "resolved_at": over,
        }
        steps.append(_step(at, StepKind.ATTEMPT, f"Attempt {number} with {provider}", facts))
    return steps


async def of_events(conn: Connection, payment_id: str) -> list[Step]:
    """What was announced about a payment, and what became of each announcement."""
    found = await conn.execute(
        "SELECT id, type, data, recorded_at FROM core.event WHERE subject = %s ORDER BY id LIMIT %s",
        [payment_id, MOST_STEPS],
    )
    rows = await found.fetchall()
    steps = [
        _step(at, StepKind.EVENT, topic, {"event": ids.sequence_id("evt", number), "data": _masked(data)})
        for number, topic, data, at in rows
    ]
    sent = await conn.execute(
        """
        SELECT coalesce(a.at, d.created_at), s.url, d.event_id, d.status, a.number, a.answer, a.error,
            a.took_ms
        FROM core.webhook_subscription AS s
        JOIN core.webhook_delivery AS d ON d.subscription_id = s.id AND d.event_id = ANY (%s)
        LEFT JOIN core.webhook_attempt AS a ON a.delivery_id = d.id
        ORDER BY 1 LIMIT %s
        """,
        [[row[0] for row in rows], MOST_STEPS],
    )
    for at, url, event, status, number, answer, error, took_ms in await sent.fetchall():
        facts = {
            "to": url,
            "event": ids.sequence_id("evt", event),
            "attempt": number,
            "answer": answer,
            "error": error,
            "took_ms": took_ms,
        }
        steps.append(_step(at, StepKind.DELIVERY, f"Delivery {status}", facts))
    return steps


def of_ledger(transactions: Sequence[LedgerTransaction]) -> list[Step]:
    """The postings of a payment as steps."""
    return [
        _step(
            one.recorded_at,
            StepKind.LEDGER,
            f"Posted {one.kind.replace('_', ' ')}",
            {"transaction": one.id, "phase": one.phase.value, "entries": len(one.entries)},
        )
        for one in transactions
    ]


def _masked(data: Any) -> Any:
    """Events may carry a telephone number; nobody needs it whole to follow a payment."""
    if not isinstance(data, dict):
        return data
    told = cast("dict[str, Any]", data)
    return {name: mask_text(str(value)) if "phone" in name else value for name, value in told.items()}


def _step(at: Any, kind: StepKind, title: str, facts: dict[str, Any]) -> Step:
    told = {name: value for name, value in facts.items() if value is not None}
    return Step(at=at, kind=kind, title=title, facts=told)
