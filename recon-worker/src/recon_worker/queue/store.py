"""The SQL of the queue table, one statement per function, on a plain psycopg connection.

Must not commit, log or decide: callers choose the unit of work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor

Row = tuple[Any, ...]

_ENQUEUE = """
WITH enqueued AS (
    INSERT INTO dramatiq.queue (message_id, queue_name, state, message, due_at, priority)
    VALUES (%(id)s, %(queue)s, 'queued', %(message)s::jsonb, now() + make_interval(secs => %(delay_s)s),
            %(priority)s)
    ON CONFLICT (message_id) DO UPDATE
        SET state = 'queued', message = excluded.message, queue_name = excluded.queue_name,
            due_at = excluded.due_at, priority = excluded.priority, owner = NULL, mtime = now()
    RETURNING queue_name, message_id)
SELECT pg_notify('dramatiq.' || queue_name || '.enqueue', json_build_object('message_id', message_id)::text)
FROM enqueued
"""

_CLAIM = """
WITH ready AS MATERIALIZED (
    SELECT message_id FROM dramatiq.queue
    WHERE queue_name = %(queue)s AND state = 'queued' AND due_at <= now()
    ORDER BY priority, due_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE dramatiq.queue q
SET state = 'consumed', owner = %(owner)s, claims = q.claims + 1, mtime = now()
FROM ready WHERE q.message_id = ready.message_id
RETURNING q.message_id::text, q.message, q.claims, q.crashes, q.priority, q.due_at, q.seq
"""

_NEXT_DUE = """
SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8
FROM dramatiq.queue WHERE queue_name = %(queue)s AND state = 'queued'
"""

_ACK = """
DELETE FROM dramatiq.queue q USING unnest(%(ids)s::uuid[], %(claims)s::int[]) AS a (id, claims)
WHERE q.message_id = a.id AND q.claims = a.claims AND q.owner = %(owner)s AND q.state = 'consumed'
"""

_POSTPONE = """
UPDATE dramatiq.queue q
SET state = 'queued', owner = NULL, message = a.message, mtime = now(),
    due_at = now() + make_interval(secs => a.delay_s), error = a.error,
    history = q.history || jsonb_build_object('at', now(), 'what', 'failed', 'error', a.error)
FROM unnest(%(ids)s::uuid[], %(claims)s::int[], %(messages)s::text[]::jsonb[], %(delays_s)s::float8[],
            %(errors)s::text[]) AS a (id, claims, message, delay_s, error)
WHERE q.message_id = a.id AND q.claims = a.claims AND q.owner = %(owner)s AND q.state = 'consumed'
"""

_REJECT = """
UPDATE dramatiq.queue q
SET state = 'rejected', owner = NULL, message = a.message, mtime = now(), error = a.error,
    history = q.history || jsonb_build_object('at', now(), 'what', 'given up', 'error', a.error)
FROM unnest(%(ids)s::uuid[], %(claims)s::int[], %(messages)s::text[]::jsonb[], %(errors)s::text[])
    AS a (id, claims, message, error)
WHERE q.message_id = a.id AND q.claims = a.claims AND q.owner = %(owner)s AND q.state = 'consumed'
"""

_GIVE_BACK = """
WITH returned AS (
    UPDATE dramatiq.queue q SET state = 'queued', owner = NULL, mtime = now()
    FROM unnest(%(ids)s::uuid[], %(claims)s::int[]) AS a (id, claims)
    WHERE q.message_id = a.id AND q.claims = a.claims AND q.owner = %(owner)s AND q.state = 'consumed'
    RETURNING q.queue_name, q.message_id)
SELECT pg_notify('dramatiq.' || queue_name || '.enqueue',
                 json_build_object('message_id', min(message_id::text))::text)
FROM returned GROUP BY queue_name
"""

# What a claim took whose answer never arrived: ours on paper, and nobody works on it.
_RECLAIM = """
UPDATE dramatiq.queue SET state = 'queued', owner = NULL, mtime = now()
WHERE owner = %(owner)s AND queue_name = %(queue)s AND state = 'consumed'
  AND message_id <> ALL (%(held)s::uuid[])
"""

# One statement, since an idle worker does little else. What it sees of lost workers is as of before the beat.
_BEAT = """
WITH beat AS (
    INSERT INTO dramatiq.worker (worker_id, seen_at) VALUES (%(owner)s, now())
    ON CONFLICT (worker_id) DO UPDATE SET seen_at = excluded.seen_at)
SELECT
    EXISTS (
        SELECT FROM dramatiq.queue t
        WHERE t.state = 'consumed' AND t.owner IS DISTINCT FROM %(owner)s
          AND CASE WHEN t.owner IS NULL
                   THEN t.queue_name = ANY (%(queues)s)
                        AND t.mtime < now() - make_interval(secs => %(lease_s)s)
                   ELSE NOT EXISTS (SELECT FROM dramatiq.worker w WHERE w.worker_id = t.owner
                                    AND w.seen_at > now() - make_interval(secs => %(lease_s)s)) END)
    OR EXISTS (
        SELECT FROM dramatiq.worker w WHERE w.seen_at < now() - 6 * make_interval(secs => %(lease_s)s)),
    ARRAY(SELECT n.name FROM unnest(%(queues)s::text[] || %(delay_queues)s::text[]) AS n (name)
          WHERE EXISTS (SELECT FROM dramatiq.queue t WHERE t.queue_name = n.name AND t.state = 'queued'
                        AND t.due_at <= now()))
"""

_FORGET_WORKER = "DELETE FROM dramatiq.worker WHERE worker_id = %(owner)s"

_FORGET_LOST_WORKERS = """
DELETE FROM dramatiq.worker w
WHERE seen_at < now() - 6 * make_interval(secs => %(lease_s)s)
  AND NOT EXISTS (SELECT FROM dramatiq.queue q WHERE q.owner = w.worker_id AND q.state = 'consumed')
"""

# Two recoveries at once would only wait for each other's row locks.
_TRY_RECOVERY_LOCK = "SELECT pg_try_advisory_xact_lock(726174, 1)"

# A row without an owner was claimed by a stock dramatiq-pg consumer: ours to judge only on our queues.
_RECOVER = """
WITH lost AS (
    SELECT message_id FROM dramatiq.queue t
    WHERE t.state = 'consumed'
      AND CASE WHEN t.owner IS NULL
               THEN t.queue_name = ANY (%(queues)s) AND t.mtime < now() - make_interval(secs => %(lease_s)s)
               ELSE NOT EXISTS (SELECT FROM dramatiq.worker w WHERE w.worker_id = t.owner
                                AND w.seen_at > now() - make_interval(secs => %(lease_s)s)) END
    LIMIT 5000 FOR UPDATE SKIP LOCKED)
UPDATE dramatiq.queue t
SET owner = NULL, crashes = t.crashes + 1, mtime = now(),
    state = (CASE WHEN t.crashes + 1 >= %(max_crashes)s THEN 'rejected' ELSE 'queued' END)::dramatiq.state,
    error = 'worker lost, ' || t.crashes + 1 || ' of ' || %(max_crashes)s,
    history = t.history || jsonb_build_object('at', now(), 'what', 'worker lost', 'error', t.owner)
FROM lost WHERE t.message_id = lost.message_id
RETURNING t.queue_name, t.message_id, t.state::text, t.crashes
"""

_NOTIFY = """
SELECT pg_notify('dramatiq.' || %(queue)s || '.enqueue', json_build_object('message_id', %(id)s::uuid)::text)
"""

# Stock dramatiq-pg parks delayed messages as `<queue>.DQ` with the due time inside the message.
_ADOPT_DELAYED = """
WITH parked AS (
    SELECT message_id, left(queue_name, -3) AS queue_name,
           CASE WHEN jsonb_typeof(message #> '{options,eta}') = 'number'
                THEN to_timestamp(least((message #>> '{options,eta}')::float8 / 1000, 32503680000))
                ELSE now() END AS due_at
    FROM dramatiq.queue WHERE queue_name = ANY (%(delay_queues)s) AND state = 'queued'
    LIMIT 5000 FOR UPDATE SKIP LOCKED)
UPDATE dramatiq.queue q
SET queue_name = parked.queue_name, due_at = parked.due_at, mtime = now(),
    message = jsonb_set(q.message #- '{options,eta}', '{queue_name}', to_jsonb(parked.queue_name))
FROM parked WHERE q.message_id = parked.message_id
"""

_FLUSH = "DELETE FROM dramatiq.queue WHERE queue_name = %(queue)s AND state = 'queued'"

_OPEN = "SELECT count(*) FROM dramatiq.queue WHERE queue_name = %(queue)s AND state IN ('queued', 'consumed')"


class Claim(NamedTuple):
    """One claimed row; `claims` is the fence: whoever claims the row again makes our answer void."""

    message_id: str
    message: dict[str, Any]
    claims: int
    crashes: int


class Seen(NamedTuple):
    """What a heartbeat found: whether a worker may be lost, and the queues in which a message is due."""

    may_be_lost: bool
    due_queues: list[str]


class Recovered(NamedTuple):
    """One row taken from a lost worker."""

    queue_name: str
    message_id: UUID
    state: str
    crashes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one claimed message; where it failed, its new JSON and the reason."""

    message_id: str
    claims: int
    message: str = ""
    error: str = ""
    delay_s: float = 0.0


def enqueue(
    conn: Connection[Any],
    message_id: str,
    queue: str,
    message: str,
    *,
    delay_s: float = 0.0,
    priority: int = 0,
) -> None:
    """Add or replace one message and notify; part of the caller's unit of work."""
    conn.execute(
        _ENQUEUE,
        {"id": message_id, "queue": queue, "message": message, "delay_s": delay_s, "priority": priority},
    )


def claim(conn: Connection[Any], queue: str, owner: UUID, limit: int) -> Cursor[Row]:
    """Take up to `limit` due messages; read the cursor with `claimed` once the unit of work is through."""
    return conn.execute(_CLAIM, {"queue": queue, "owner": owner, "limit": limit})


def claimed(cursor: Cursor[Row]) -> list[Claim]:
    """The claims of a cursor in the order of the queue; UPDATE … RETURNING keeps none."""
    return [Claim(*row[:4]) for row in sorted(cursor.fetchall(), key=lambda row: row[4:])]


def next_due_s(conn: Connection[Any], queue: str) -> float | None:
    """Seconds until the next queued message is due; None for an empty queue."""
    row = conn.execute(_NEXT_DUE, {"queue": queue}).fetchone()
    return row[0] if row else None


def acknowledge(conn: Connection[Any], owner: UUID, answers: Sequence[Answer]) -> None:
    """Delete messages that are done."""
    conn.execute(
        _ACK,
        {"ids": [a.message_id for a in answers], "claims": [a.claims for a in answers], "owner": owner},
    )


def postpone(conn: Connection[Any], owner: UUID, answers: Sequence[Answer]) -> None:
    """Put messages back to be tried again after their delay."""
    conn.execute(
        _POSTPONE,
        {
            "ids": [a.message_id for a in answers],
            "claims": [a.claims for a in answers],
            "messages": [a.message for a in answers],
            "errors": [a.error for a in answers],
            "delays_s": [a.delay_s for a in answers],
            "owner": owner,
        },
    )


def reject(conn: Connection[Any], owner: UUID, answers: Sequence[Answer]) -> None:
    """Make dead letters."""
    conn.execute(
        _REJECT,
        {
            "ids": [a.message_id for a in answers],
            "claims": [a.claims for a in answers],
            "messages": [a.message for a in answers],
            "errors": [a.error for a in answers],
            "owner": owner,
        },
    )


def give_back(conn: Connection[Any], owner: UUID, answers: Sequence[Answer]) -> None:
    """Return messages nobody began, and notify, so that another worker takes them at once."""
    conn.execute(
        _GIVE_BACK,
        {"ids": [a.message_id for a in answers], "claims": [a.claims for a in answers], "owner": owner},
    )


def reclaim(conn: Connection[Any], owner: UUID, queue: str, held: Sequence[str]) -> None:
    """Put back what is claimed in our name without being held by us."""
    conn.execute(_RECLAIM, {"owner": owner, "queue": queue, "held": list(held)})


def beat(
    conn: Connection[Any], owner: UUID, queues: Sequence[str], delay_queues: Sequence[str], *, lease_s: float
) -> Seen:
    """Say that this worker lives; returns what there is to do, as a look that locks nothing sees it."""
    row = conn.execute(
        _BEAT,
        {"owner": owner, "queues": list(queues), "delay_queues": list(delay_queues), "lease_s": lease_s},
    ).fetchone()
    return Seen(*row) if row else Seen(False, [])


def forget_worker(conn: Connection[Any], owner: UUID) -> None:
    """Take this worker off the list, so that what it still holds is recovered at once."""
    conn.execute(_FORGET_WORKER, {"owner": owner})


def forget_lost_workers(conn: Connection[Any], lease_s: float) -> None:
    """Drop workers long gone that hold nothing."""
    conn.execute(_FORGET_LOST_WORKERS, {"lease_s": lease_s})


def try_recovery_lock(conn: Connection[Any]) -> bool:
    """Whether this unit of work is the only one recovering."""
    row = conn.execute(_TRY_RECOVERY_LOCK).fetchone()
    return row is not None and row[0] is True


def recover(
    conn: Connection[Any], queues: Sequence[str], *, lease_s: float, max_crashes: int
) -> list[Recovered]:
    """Requeue the messages of lost workers; those lost `max_crashes` times become dead letters."""
    rows = conn.execute(
        _RECOVER, {"queues": list(queues), "lease_s": lease_s, "max_crashes": max_crashes}
    ).fetchall()
    return [Recovered(*row) for row in rows]


def notify(conn: Connection[Any], queue: str, message_id: UUID) -> None:
    """Wake the consumers of a queue; stock consumers need a message id in the payload."""
    conn.execute(_NOTIFY, {"queue": queue, "id": message_id})


def adopt_delayed(conn: Connection[Any], delay_queues: Sequence[str]) -> int:
    """Turn stock delayed rows into rows of the queue proper with a due time; returns how many."""
    return conn.execute(_ADOPT_DELAYED, {"delay_queues": list(delay_queues)}).rowcount


def flush(conn: Connection[Any], queue: str) -> None:
    """Drop what waits in a queue."""
    conn.execute(_FLUSH, {"queue": queue})


def open_count(conn: Connection[Any], queue: str) -> int:
    """How many messages wait or are being worked on."""
    row = conn.execute(_OPEN, {"queue": queue}).fetchone()
    return row[0] if row else 0
