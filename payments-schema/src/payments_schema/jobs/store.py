"""SQL of the message queue as the rest of the platform uses it. Must not claim messages: the broker does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, NamedTuple
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from payments_schema import ids
from payments_schema.errors import InvalidCursor, InvalidTransition, JobNotFound
from payments_schema.wire.jobs import Job, JobPage, JobStatus

Connection = AsyncConnection[TupleRow]


async def enqueue(
    conn: Connection,
    queue: str,
    actor: str,
    args: Sequence[Any],
    *,
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    delay_s: float = 0,
    priority: int = 0,
    message_id: UUID | None = None,
) -> UUID:
    """Send a message when the caller's transaction commits, never otherwise.

    message_id: give one (a uuid5 of a schedule's slot) to have it sent at most once: a second is a unique
    violation.
    """
    chosen = message_id or uuid4()
    await conn.execute(
        "SELECT core.enqueue(%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            chosen,
            queue,
            actor,
            Jsonb(list(args)),
            Jsonb(dict(kwargs or {})),
            Jsonb(dict(options or {})),
            delay_s,
            priority,
        ],
    )
    return chosen


_COLUMNS: LiteralString = """
SELECT q.message_id, q.queue_name, q.message,
    CASE q.state
        WHEN 'queued' THEN CASE WHEN q.due_at > now() THEN 'scheduled' ELSE 'queued' END
        WHEN 'consumed' THEN 'running'
        WHEN 'done' THEN 'done'
        ELSE 'dead'
    END,
    q.priority, q.due_at, q.mtime, q.claims, q.crashes, q.error, q.history, q.seq
FROM dramatiq.queue AS q
"""


async def list_page(
    conn: Connection,
    *,
    limit: int = 100,
    cursor: str | None = None,
    status: JobStatus | None = None,
    queue: str | None = None,
) -> JobPage:
    """A page of messages, newest first. Raises InvalidCursor."""
    before = None if cursor is None else ids.parse_sequence_id("job", cursor)
    if cursor is not None and before is None:
        raise InvalidCursor("cursor is not one of ours")
    found = await conn.execute(
        _COLUMNS
        + """
        WHERE (%(before)s::bigint IS NULL OR q.seq < %(before)s)
            AND (%(queue)s::text IS NULL OR q.queue_name = %(queue)s)
            AND CASE %(status)s::text
                WHEN 'queued' THEN q.state = 'queued' AND q.due_at <= now()
                WHEN 'scheduled' THEN q.state = 'queued' AND q.due_at > now()
                WHEN 'running' THEN q.state = 'consumed'
                WHEN 'done' THEN q.state = 'done'
                WHEN 'dead' THEN q.state = 'rejected'
                ELSE true
            END
        ORDER BY q.seq DESC
        LIMIT %(fetch)s
        """,
        {
            "before": before,
            "queue": queue,
            "status": None if status is None else status.value,
            "fetch": limit + 1,
        },
        prepare=False,
    )
    rows = await found.fetchall()
    more = len(rows) > limit
    return JobPage(
        data=[_job(*row[:-1]) for row in rows[:limit]],
        has_more=more,
        next_cursor=ids.sequence_id("job", rows[limit - 1][-1]) if more else None,
    )


async def get(conn: Connection, message_id: UUID) -> Job:
    """One message. Raises JobNotFound."""
    found = await conn.execute(_COLUMNS + "WHERE q.message_id = %s", [message_id])
    row = await found.fetchone()
    if row is None:
        raise JobNotFound
    return _job(*row[:-1])


async def retry(conn: Connection, message_id: UUID) -> Job:
    """Send a dead message again with its counters at zero, and reopen what it works on.

    Raises JobNotFound, InvalidTransition where it is not dead.
    """
    await _require_dead(conn, message_id, "retry")
    await conn.execute(
        """
        UPDATE dramatiq.queue
        SET state = 'queued', mtime = now(), due_at = now(), owner = NULL, crashes = 0,
            message = jsonb_set(message, '{options}', (message -> 'options') - 'retries' - 'traceback'),
            history = history
                || jsonb_build_object('at', now(), 'what', 'retried by an operator', 'error', error)
        WHERE message_id = %s
        """,
        [message_id],
    )
    await conn.execute(
        "UPDATE core.recon_job SET status = 'pending', due_at = now(), updated_at = now() "
        "WHERE message_id = %s AND status = 'failed'",
        [message_id],
    )
    await conn.execute(
        """
        SELECT pg_notify(
            'dramatiq.' || queue_name || '.enqueue', json_build_object('message_id', message_id)::text)
        FROM dramatiq.queue WHERE message_id = %s
        """,
        [message_id],
    )
    return await get(conn, message_id)


async def discard(conn: Connection, message_id: UUID) -> Job:
    """Take a dead message out of the queue; returns it as it was. Raises JobNotFound, InvalidTransition.

    A payment event that it stood for is given up with it; locked first, as by who repairs one.
    """
    await conn.execute(
        """
        UPDATE core.payment_event SET status = 'discarded', message_id = NULL
        WHERE message_id = %s AND status = 'dead'
        """,
        [message_id],
    )
    job = await _require_dead(conn, message_id, "discard")
    await conn.execute("DELETE FROM dramatiq.queue WHERE message_id = %s", [message_id])
    await conn.execute(
        "INSERT INTO core.event (type, subject, data) VALUES ('job.discarded', %s, %s)",
        [str(message_id), Jsonb(job.model_dump(mode="json"))],
    )
    return job


async def _require_dead(conn: Connection, message_id: UUID, action: str) -> Job:
    await conn.execute("SELECT FROM dramatiq.queue WHERE message_id = %s FOR NO KEY UPDATE", [message_id])
    job = await get(conn, message_id)
    if job.status is not JobStatus.DEAD:
        raise InvalidTransition(
            f"only a dead job takes {action}; this one is {job.status.value}",
            current_status=job.status.value,
            allowed_actions=[],
        )
    return job


async def reject(conn: Connection, message_ids: Sequence[UUID], error: str) -> int:
    """Give messages up: they stay as dead letters with the reason, and their open jobs are failed."""
    found = await conn.execute(
        """
        UPDATE dramatiq.queue
        SET state = 'rejected', mtime = now(), owner = NULL, error = left(%(error)s, 4000),
            history = history
                || jsonb_build_object('at', now(), 'what', 'given up', 'error', left(%(error)s, 4000))
        WHERE message_id = ANY(%(ids)s) AND state IN ('queued', 'consumed')
        """,
        {"ids": list(message_ids), "error": error},
    )
    await conn.execute(
        """
        UPDATE core.recon_job SET status = 'failed', last_error = left(%(error)s, 2000), updated_at = now()
        WHERE message_id = ANY(%(ids)s) AND status IN ('pending', 'processing')
        """,
        {"ids": list(message_ids), "error": error},
    )
    return found.rowcount


def _job(
    message_id: UUID,
    queue: str,
    message: dict[str, Any],
    status: str,
    priority: int,
    due_at: Any,
    mtime: Any,
    claims: int,
    crashes: int,
    error: str | None,
    history: list[dict[str, Any]],
) -> Job:
    options: dict[str, Any] = message.get("options") or {}
    return Job(
        id=message_id,
        queue=queue,
        actor=str(message.get("actor_name", "")),
        args=list(message.get("args") or []),
        status=JobStatus(status),
        priority=priority,
        due_at=due_at,
        updated_at=mtime,
        claims=claims,
        crashes=crashes,
        retries=int(options.get("retries") or 0),
        error=error or options.get("traceback"),
        history=history,
    )


class QueueDepth(NamedTuple):
    """The queue in five figures; `oldest_s` is the age of the oldest message that waits."""

    ready: int
    running: int
    dead: int
    oldest_s: int
    workers: int


async def depth(conn: Connection) -> QueueDepth:
    """Count messages by what they wait for, and the workers seen in the last 15 seconds."""
    found = await conn.execute(
        """
        SELECT count(*) FILTER (WHERE state = 'queued' AND due_at <= now()),
            count(*) FILTER (WHERE state = 'consumed'),
            count(*) FILTER (WHERE state = 'rejected'),
            greatest(0, extract(epoch FROM now() - min(due_at) FILTER (WHERE state = 'queued')))::int,
            (SELECT count(*) FROM dramatiq.worker WHERE seen_at > now() - interval '15 seconds')
        FROM dramatiq.queue WHERE state IN ('queued', 'consumed', 'rejected')
        """
    )
    return QueueDepth(*(await found.fetchone() or (0, 0, 0, 0, 0)))
