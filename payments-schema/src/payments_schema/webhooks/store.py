"""SQL of subscriptions, deliveries and attempts. Must not talk to a receiver or decide about a retry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.errors import NotFound
from payments_schema.events import store as events
from payments_schema.webhooks import signing
from payments_schema.wire.webhooks import (
    Attempt,
    CreateSubscription,
    Delivery,
    DeliveryPage,
    DeliveryStatus,
    Subscription,
)

Connection = AsyncConnection[TupleRow]


class SubscriptionNotFound(NotFound):
    """No such subscription."""

    code = "subscription_not_found"

    def __init__(self, detail: str = "Subscription not found", **extra: Any) -> None:
        super().__init__(detail, **extra)


class Due(NamedTuple):
    """A delivery to attempt now; keys of the subscription: the newest first."""

    id: int
    subscription_id: str
    url: str
    secret: str
    old_secret: str | None
    attempts: int
    event_id: int
    type: str
    version: int
    subject: str
    data: dict[str, Any]
    recorded_at: datetime


class Outcome(NamedTuple):
    """How an attempt ended; retry_in_s: None where none follows."""

    due: Due
    attempt: Attempt
    retry_in_s: float | None

    @property
    def status(self) -> DeliveryStatus:
        """What became of the delivery."""
        if self.attempt.error is None:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.FAILED if self.retry_in_s is None else DeliveryStatus.PENDING


_COLUMNS: LiteralString = "id, url, types, description, status, disabled_reason, failing_since, created_at"
_NAMES = _COLUMNS.split(", ")


def _subscription(row: TupleRow, secret: str | None = None) -> Subscription:
    return Subscription(**dict(zip(_NAMES, row, strict=True)), secret=secret)


async def create(conn: Connection, wanted: CreateSubscription) -> Subscription:
    """Subscribe to what happens from now on; shows the secret."""
    secret = signing.new_secret()
    found = await conn.execute(
        """
        INSERT INTO core.webhook_subscription
            (id, url, types, description, secret, seen_transaction, seen_id)
        VALUES (%s, %s, %s, %s, %s, pg_snapshot_xmin(pg_current_snapshot()), 0)
        RETURNING id, url, types, description, status, disabled_reason, failing_since, created_at
        """,
        [ids.new_id("whk"), wanted.url, wanted.types, wanted.description, secret],
    )
    await conn.execute("SELECT pg_notify(%s, '')", [events.CHANNEL])
    return _subscription((await found.fetchall())[0], secret)


async def list_all(conn: Connection, subscription_id: str | None = None) -> list[Subscription]:
    """The subscriptions, or the one."""
    found = await conn.execute(
        """
        SELECT id, url, types, description, status, disabled_reason, failing_since, created_at
        FROM core.webhook_subscription WHERE %(id)s::text IS NULL OR id = %(id)s ORDER BY id
        """,
        {"id": subscription_id},
    )
    return [_subscription(row) for row in await found.fetchall()]


async def get(conn: Connection, subscription_id: str) -> Subscription:
    """One subscription. Raises SubscriptionNotFound."""
    found = await list_all(conn, subscription_id)
    if not found:
        raise SubscriptionNotFound
    return found[0]


async def rotate(conn: Connection, subscription_id: str, keep_old_s: int) -> Subscription:
    """Make a new secret; the old one signs as well for a while. Raises SubscriptionNotFound."""
    secret = signing.new_secret()
    await conn.execute(
        """
        UPDATE core.webhook_subscription
        SET old_secret = secret, old_secret_until = now() + make_interval(secs => %s), secret = %s,
            updated_at = now()
        WHERE id = %s
        """,
        [keep_old_s, secret, subscription_id],
    )
    return (await get(conn, subscription_id)).model_copy(update={"secret": secret})


async def set_status(conn: Connection, subscription_id: str, status: str, reason: str | None = None) -> None:
    """Enable or disable; enabled anew, it is not failing."""
    await conn.execute(
        """
        UPDATE core.webhook_subscription
        SET status = %s, disabled_reason = %s, failing_since = NULL, updated_at = now() WHERE id = %s
        """,
        [status, reason, subscription_id],
    )
    await conn.execute("SELECT pg_notify(%s, '')", [events.CHANNEL])


async def delete(conn: Connection, subscription_id: str) -> None:
    """Forget a subscription with its deliveries. Raises SubscriptionNotFound."""
    found = await conn.execute("DELETE FROM core.webhook_subscription WHERE id = %s", [subscription_id])
    if not found.rowcount:
        raise SubscriptionNotFound


NEWS_OF: LiteralString = """
-- By the number: a bare `transaction` here would be the text above, in which 10 comes before 9.
SELECT e.id, e.transaction::text, e.type, e.subject FROM core.event AS e
WHERE (e.transaction, e.id) > (%s::xid8, %s)
    AND e.transaction < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.transaction, e.id LIMIT %s
"""


async def fan_out(conn: Connection, limit: int = 1000) -> int:
    """Make deliveries of what happened since each subscription looked last; returns how many events more."""
    locked = await conn.execute(
        """
        SELECT id, types, seen_transaction::text, seen_id FROM core.webhook_subscription
        WHERE status = 'enabled' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        """
    )
    most = 0
    for id_, types, transaction, number in await locked.fetchall():
        found = await conn.execute(NEWS_OF, [transaction, number, limit])
        rows = await found.fetchall()
        if not rows:
            continue
        most = max(most, len(rows))
        wanted = [row for row in rows if is_wanted(row[2], types)]
        await conn.execute(
            """
            INSERT INTO core.webhook_delivery (subscription_id, event_id, subject)
            SELECT %s, n.id, n.subject
            FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS n (id, subject, place) ORDER BY n.place
            ON CONFLICT DO NOTHING
            """,
            [id_, [row[0] for row in wanted], [row[3] for row in wanted]],
        )
        await conn.execute(
            "UPDATE core.webhook_subscription SET seen_transaction = %s::xid8, seen_id = %s WHERE id = %s",
            [rows[-1][1], rows[-1][0], id_],
        )
    return most


def is_wanted(topic: str, types: Sequence[str]) -> bool:
    """Whether one of the topics or prefixes takes it; none takes all."""
    return not types or any(
        topic == wanted or (wanted.endswith(".*") and topic.startswith(wanted[:-1])) for wanted in types
    )


async def claim_due(conn: Connection, flying: Mapping[str, int], each: int, lease_s: float) -> list[Due]:
    """Take deliveries whose turn it is, so many of each subscription: one of a subject at a time, in order.

    flying: how many of a subscription's places are taken already.
    """
    found = await conn.execute(
        """
        WITH turn AS (
            SELECT d.id FROM core.webhook_subscription AS s
            LEFT JOIN unnest(%(ids)s::text[], %(counts)s::int[]) AS f (id, flying) ON f.id = s.id
            CROSS JOIN LATERAL (
                SELECT p.id FROM core.webhook_delivery AS p
                WHERE p.subscription_id = s.id AND p.status = 'pending' AND p.due_at <= now()
                    AND (p.leased_until IS NULL OR p.leased_until < now())
                    -- One look into the index: as NOT EXISTS it became a join of all with all that wait.
                    AND p.id = (
                        SELECT earlier.id FROM core.webhook_delivery AS earlier
                        WHERE earlier.subscription_id = p.subscription_id AND earlier.subject = p.subject
                            AND earlier.status = 'pending'
                        ORDER BY earlier.id LIMIT 1)
                ORDER BY p.id LIMIT %(each)s - coalesce(f.flying, 0) FOR NO KEY UPDATE SKIP LOCKED
            ) AS d
            WHERE s.status = 'enabled' AND coalesce(f.flying, 0) < %(each)s
        ),
        taken AS (
            UPDATE core.webhook_delivery AS d
            SET leased_until = now() + make_interval(secs => %(lease_s)s), attempts = d.attempts + 1
            FROM turn WHERE d.id = turn.id
            RETURNING d.id, d.subscription_id, d.attempts, d.event_id
        )
        SELECT t.id, s.id, s.url, s.secret,
            CASE WHEN s.old_secret_until > now() THEN s.old_secret END,
            t.attempts, e.id, e.type, e.version, e.subject, e.data, e.recorded_at
        FROM taken AS t
        JOIN core.webhook_subscription AS s ON s.id = t.subscription_id
        JOIN core.event AS e ON e.id = t.event_id
        ORDER BY t.id
        """,
        {"ids": list(flying), "counts": list(flying.values()), "each": each, "lease_s": lease_s},
    )
    return [Due(*row) for row in await found.fetchall()]


async def settle(conn: Connection, outcomes: Sequence[Outcome]) -> None:
    """Write attempts down with what follows: done, tried again later, or given up.

    A subscription that was deleted meanwhile has no log any more; one that stands is kept until the commit.
    """
    kept = await conn.execute(
        "SELECT id FROM core.webhook_subscription WHERE id = ANY(%s::text[]) ORDER BY id FOR KEY SHARE",
        [list({o.due.subscription_id for o in outcomes})],
    )
    known = {row[0] for row in await kept.fetchall()}
    outcomes = [o for o in outcomes if o.due.subscription_id in known]
    await conn.execute(
        """
        INSERT INTO core.webhook_attempt (delivery_id, number, at, took_ms, answer, error)
        SELECT n.id, n.number, n.at, n.took_ms, n.answer, n.error
        FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::int[], %s::int[], %s::text[])
            AS n (id, number, at, took_ms, answer, error)
        ON CONFLICT DO NOTHING
        """,
        [
            [o.due.id for o in outcomes],
            [o.attempt.number for o in outcomes],
            [o.attempt.at for o in outcomes],
            [o.attempt.took_ms for o in outcomes],
            [o.attempt.answer for o in outcomes],
            [o.attempt.error for o in outcomes],
        ],
    )
    await conn.execute(
        """
        UPDATE core.webhook_delivery AS d
        SET status = n.status, due_at = now() + make_interval(secs => n.retry_in_s), leased_until = NULL,
            updated_at = now()
        FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::float8[]) AS n (id, attempts, status, retry_in_s)
        WHERE d.id = n.id AND d.attempts = n.attempts
        """,
        [
            [o.due.id for o in outcomes],
            [o.due.attempts for o in outcomes],
            [o.status.value for o in outcomes],
            [o.retry_in_s or 0 for o in outcomes],
        ],
    )


async def note_health(conn: Connection, is_well: Mapping[str, bool]) -> dict[str, datetime]:
    """Note which receivers answer and which do not; returns since when those that do not have failed."""
    await conn.execute(
        """
        UPDATE core.webhook_subscription AS s
        SET failing_since = CASE WHEN changed.is_well THEN NULL ELSE now() END
        FROM (
            SELECT w.id, n.is_well FROM core.webhook_subscription AS w
            JOIN unnest(%s::text[], %s::boolean[]) AS n (id, is_well) ON n.id = w.id
            WHERE n.is_well <> (w.failing_since IS NULL)
            ORDER BY w.id FOR NO KEY UPDATE OF w) AS changed
        WHERE s.id = changed.id
        """,
        [list(is_well), list(is_well.values())],
    )
    failing = [id_ for id_, well in is_well.items() if not well]
    if not failing:
        return {}
    found = await conn.execute(
        """
        SELECT id, failing_since FROM core.webhook_subscription
        WHERE id = ANY(%s::text[]) AND failing_since IS NOT NULL
        """,
        [failing],
    )
    return dict(await found.fetchall())


async def list_deliveries(
    conn: Connection, subscription_id: str, *, limit: int, before: int | None, status: str | None
) -> DeliveryPage:
    """A page of deliveries with their attempts, newest first."""
    found = await conn.execute(
        """
        SELECT d.id, d.event_id, d.subject, d.replay, d.status, d.due_at, coalesce((
            SELECT jsonb_agg(jsonb_build_object('number', a.number, 'at', a.at, 'took_ms', a.took_ms,
                'answer', a.answer, 'error', a.error) ORDER BY a.number)
            FROM core.webhook_attempt AS a WHERE a.delivery_id = d.id), '[]')
        FROM core.webhook_delivery AS d
        WHERE d.subscription_id = %(id)s AND (%(before)s::bigint IS NULL OR d.id < %(before)s)
            AND (%(status)s::text IS NULL OR d.status = %(status)s)
        ORDER BY d.id DESC LIMIT %(fetch)s
        """,
        {"id": subscription_id, "before": before, "status": status, "fetch": limit + 1},
        prepare=False,
    )
    rows = await found.fetchall()
    data = [
        Delivery(
            id=id_,
            event_id=ids.sequence_id("evt", event_id),
            subject=subject,
            replay=replay,
            status=state,
            due_at=due_at,
            attempts=[Attempt(**attempt) for attempt in attempts],
        )
        for id_, event_id, subject, replay, state, due_at, attempts in rows[:limit]
    ]
    more = len(rows) > limit
    return DeliveryPage(data=data, has_more=more, next_cursor=str(data[-1].id) if more else None)


async def replay(conn: Connection, subscription_id: str, deliveries: Sequence[int] | None) -> int:
    """Make deliveries again: those named, or all that failed; each as a new delivery with its own log."""
    found = await conn.execute(
        """
        INSERT INTO core.webhook_delivery (subscription_id, event_id, subject, replay)
        SELECT d.subscription_id, d.event_id, d.subject, max(a.replay) + 1
        FROM core.webhook_delivery AS d
        JOIN core.webhook_delivery AS a ON a.subscription_id = d.subscription_id AND a.event_id = d.event_id
        WHERE d.subscription_id = %(id)s AND CASE WHEN %(deliveries)s::bigint[] IS NULL
            THEN d.status = 'failed' ELSE d.id = ANY(%(deliveries)s::bigint[]) END
        GROUP BY d.subscription_id, d.event_id, d.subject
        ORDER BY d.event_id
        ON CONFLICT DO NOTHING
        """,
        {"id": subscription_id, "deliveries": None if deliveries is None else list(deliveries)},
    )
    return found.rowcount
