"""SQL of reconciliation jobs and results, whole batches at a time. Must not decide an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from payments_schema.database import arrays
from payments_schema.ledger.posting import Posting
from payments_schema.ledger.store import Legs
from payments_schema.wire.payments import PaymentStatus, ReconciliationStatus

Connection = AsyncConnection[TupleRow]


class ReconJob(NamedTuple):
    """A locked, open job with all that the rules need to know of its payment."""

    id: int
    payment_id: UUID
    attempts: int
    account_id: str
    amount_minor: int
    currency: str
    created_at: datetime


class Outcome(NamedTuple):
    """What was decided of a job; `posting` is None where nothing is to be posted."""

    job: ReconJob
    status: ReconciliationStatus
    matched: bool
    discrepancy_minor: int | None
    notes: str
    payment_status: PaymentStatus
    posting: Posting | None


_CLAIM: LiteralString = """
SELECT j.id, j.payment_id, j.attempts, p.account_id, p.amount_minor, p.currency, p.created_at
FROM core.recon_job AS j
JOIN core.payment AS p ON p.id = j.payment_id
WHERE j.id = ANY(%s::bigint[]) AND j.status IN ('pending', 'processing')
ORDER BY j.id
FOR NO KEY UPDATE OF j SKIP LOCKED
"""


async def claim(conn: Connection, job_ids: Sequence[int], worker: str) -> list[ReconJob]:
    """Lock the open ones of these jobs until the caller's commit; those that others hold are left out.

    worker: named in the job by `complete_many`; a claim alone leaves no trace, so a crash undoes it.
    """
    cursor = await conn.execute(_CLAIM, [arrays.ints(job_ids)])
    return [ReconJob(*row) for row in await cursor.fetchall()]


_COMPLETE: LiteralString = """
SELECT core.complete_reconciliations(
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


async def complete_many(conn: Connection, outcomes: Sequence[Outcome], *, worker: str) -> int:
    """Write results, payments, jobs, ledger and events of claimed jobs; returns how many."""
    if not outcomes:
        return 0
    postings = [o.posting for o in outcomes if o.posting is not None]
    cursor = await conn.execute(
        _COMPLETE,
        [
            worker,
            arrays.ints([o.job.id for o in outcomes]),
            arrays.uuids([o.job.payment_id for o in outcomes]),
            arrays.texts([o.payment_status.value for o in outcomes]),
            arrays.texts([o.status.value for o in outcomes]),
            [o.matched for o in outcomes],
            arrays.ints([o.discrepancy_minor for o in outcomes]),
            arrays.texts([o.notes for o in outcomes]),
            arrays.texts([p.reference for p in postings]),
            arrays.texts([p.key for p in postings]),
            arrays.texts([p.kind for p in postings]),
            [p.effective_at for p in postings],
            *Legs.of(postings).arguments(),
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def record_failure(
    conn: Connection,
    job_ids: Sequence[int],
    worker: str,
    error: str,
    *,
    is_final: bool,
    retry_in_s: float = 0,
) -> int:
    """Note that an attempt failed; final means given up: the job is failed until an operator retries it."""
    cursor = await conn.execute(
        """
        UPDATE core.recon_job
        SET attempts = attempts + 1, locked_by = %(worker)s, locked_at = now(),
            last_error = left(%(error)s, 2000),
            status = CASE WHEN %(is_final)s THEN 'failed' ELSE 'pending' END,
            due_at = now() + make_interval(secs => %(retry_in_s)s), updated_at = now()
        WHERE id = ANY(%(ids)s) AND status IN ('pending', 'processing')
        """,
        {
            "worker": worker,
            "error": error,
            "is_final": is_final,
            "retry_in_s": retry_in_s,
            "ids": list(job_ids),
        },
    )
    return cursor.rowcount


OPEN: LiteralString = "EXISTS (SELECT FROM core.recon_job WHERE status IN ('pending', 'processing'))"
"""As an expression: whether there is any job that `sweep` and `fail_abandoned` may have to do with."""


async def sweep(conn: Connection, *, older_than_s: float = 30, limit: int = 1000) -> list[int]:
    """Give open jobs that have no live message a new one, all in one message; returns their ids."""
    message_id = uuid4()
    cursor = await conn.execute(
        """
        WITH lost AS (
            SELECT j.id FROM core.recon_job AS j
            WHERE j.status IN ('pending', 'processing')
                AND j.due_at <= now() - make_interval(secs => %(older_than_s)s)
                AND NOT EXISTS (
                    SELECT FROM dramatiq.queue AS q
                    WHERE q.message_id = j.message_id AND q.state IN ('queued', 'consumed'))
            ORDER BY j.due_at
            LIMIT %(limit)s
            FOR NO KEY UPDATE OF j SKIP LOCKED
        )
        UPDATE core.recon_job AS j SET message_id = %(message_id)s, updated_at = now()
        FROM lost WHERE j.id = lost.id
        RETURNING j.id
        """,
        {"older_than_s": older_than_s, "limit": limit, "message_id": message_id},
    )
    job_ids = sorted(row[0] for row in await cursor.fetchall())
    if job_ids:
        await conn.execute(
            "SELECT core.enqueue(%s, 'reconciliation', 'reconcile', %s)", [message_id, Jsonb([job_ids])]
        )
    return job_ids


async def still_open(conn: Connection, job_ids: Sequence[int]) -> list[int]:
    """Those of the jobs that are not finished, whoever may have them locked."""
    cursor = await conn.execute(
        "SELECT id FROM core.recon_job "
        "WHERE id = ANY(%s) AND status IN ('pending', 'processing') ORDER BY id",
        [list(job_ids)],
    )
    return [row[0] for row in await cursor.fetchall()]


async def separate(conn: Connection, job_ids: Sequence[int], *, delay_s: float = 0) -> list[int]:
    """Give each open job a message of its own, so that each is tried for itself; returns their ids."""
    cursor = await conn.execute(
        """
        WITH lone AS (
            UPDATE core.recon_job
            SET message_id = gen_random_uuid(), updated_at = now(),
                due_at = now() + make_interval(secs => %(delay_s)s)
            WHERE id = ANY(%(ids)s) AND status IN ('pending', 'processing')
            RETURNING id, message_id
        )
        SELECT lone.id, core.enqueue(
            lone.message_id, 'reconciliation', 'reconcile', jsonb_build_array(jsonb_build_array(lone.id)),
            '{}', '{}', %(delay_s)s)
        FROM lone
        """,
        {"ids": list(job_ids), "delay_s": delay_s},
    )
    return sorted(row[0] for row in await cursor.fetchall())


async def fail_abandoned(conn: Connection, worker: str) -> list[int]:
    """Fail the open jobs whose message was given up (its workers were lost too often); returns their ids.

    Without it a sweep would send them again for ever.
    """
    cursor = await conn.execute(
        """
        WITH abandoned AS (
            SELECT j.id, q.error FROM core.recon_job AS j
            JOIN dramatiq.queue AS q ON q.message_id = j.message_id AND q.state = 'rejected'
            WHERE j.status IN ('pending', 'processing')
            LIMIT 1000
            FOR NO KEY UPDATE OF j SKIP LOCKED
        )
        UPDATE core.recon_job AS j
        SET status = 'failed', locked_by = %(worker)s, locked_at = now(), updated_at = now(),
            last_error = left('given up: ' || coalesce(abandoned.error, 'its message is a dead letter'), 2000)
        FROM abandoned WHERE j.id = abandoned.id
        RETURNING j.id
        """,
        {"worker": worker},
    )
    return sorted(row[0] for row in await cursor.fetchall())
