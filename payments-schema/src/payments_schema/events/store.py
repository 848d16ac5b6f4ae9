"""SQL of events. Must not be called outside the transaction that makes the fact true."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.database.arrays import ints, texts
from payments_schema.errors import InvalidCursor
from payments_schema.wire.events import Event, EventPage

Connection = AsyncConnection[TupleRow]
_encode = json.JSONEncoder(ensure_ascii=False).encode

CHANNEL: LiteralString = "core.event"
"""What a recorder notifies while followers sleep, and who changes a subscription."""
_SLEEP_LOCK: Final = 726_175_001


class NewEvent(NamedTuple):
    """A fact to record: its topic (`card.captured`), the id it is about, and what is worth knowing."""

    type: str
    subject: str
    data: Mapping[str, Any]
    version: int = 1


async def record(conn: Connection, event: NewEvent) -> int:
    """Record one fact; returns its number (see ids.sequence_id("evt", …))."""
    return (await record_many(conn, [event]))[0]


async def record_many(conn: Connection, events: Sequence[NewEvent]) -> list[int]:
    """Record facts in one statement; their numbers in order."""
    if not events:
        return []
    cursor = await conn.execute(_RECORD, _arguments(events))
    return sorted(row[0] for row in await cursor.fetchall())


async def record_all(conn: Connection, events: Sequence[NewEvent]) -> None:
    """Record facts in one statement without reading anything back, so that a pipeline need not wait."""
    if events:
        await conn.execute(_RECORD, _arguments(events))


# A recorder holds the lock shared until its commit, a sleeping follower holds it alone. So nobody falls
# asleep while a recorder is under way that did not notify; and where nobody sleeps, no commit pays for a
# notification. The sub-select does not depend on the row: it runs once.
_RECORD: LiteralString = """
INSERT INTO core.event (type, version, subject, data)
SELECT e.type, e.version, e.subject, e.data
FROM unnest(%s::text[], %s::smallint[], %s::text[], %s::jsonb[]) WITH ORDINALITY
    AS e (type, version, subject, data, n)
ORDER BY e.n
RETURNING id, (SELECT CASE WHEN NOT pg_try_advisory_xact_lock_shared(726175001)
    THEN pg_notify('core.event', '') IS NULL END)
"""


async def fall_asleep(conn: Connection) -> Literal["ours", "theirs"] | None:
    """Have recorders notify from now on, as long as this session lives or `wake_up` is called.

    "theirs": another follower sees to that. None: a recorder is under way that did not notify; nobody may
    sleep. What was recorded before is visible after it: look once more.
    """
    found = await conn.execute(
        """
        SELECT CASE WHEN pg_try_advisory_lock(%(id)s) THEN 'ours'
            WHEN pg_try_advisory_lock_shared(%(id)s)
                THEN CASE WHEN NOT pg_advisory_unlock_shared(%(id)s) THEN '' END
            ELSE 'theirs' END
        """,
        {"id": _SLEEP_LOCK},
    )
    row = await found.fetchone()
    return None if row is None else row[0]


async def wake_up(conn: Connection) -> None:
    """Of a sleep that is ours: recorders need not notify any more, unless somebody else sleeps."""
    await conn.execute("SELECT pg_advisory_unlock(%s)", [_SLEEP_LOCK])


def _arguments(events: Sequence[NewEvent]) -> list[str]:
    return [
        texts([e.type for e in events]),
        ints([e.version for e in events]),
        texts([e.subject for e in events]),
        texts([_encode(e.data) for e in events]),
    ]


async def _place(conn: Connection, cursor: str | None) -> tuple[str, int]:
    """Where in the order a cursor stands: transaction and number of the event it names."""
    if cursor is None:
        return "0", 0
    number = ids.parse_sequence_id("evt", cursor)
    found = await conn.execute("SELECT transaction::text, id FROM core.event WHERE id = %s", [number])
    row = await found.fetchone()
    if row is None:
        raise InvalidCursor("cursor is not one of ours")
    return row[0], row[1]


async def list_page(
    conn: Connection,
    *,
    limit: int = 100,
    cursor: str | None = None,
    subject: str | None = None,
    type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> EventPage:
    """Events in the order in which readers may rely on: none appears before one that was shown.

    That order is (transaction, id): a number given early may become visible late.
    type: a topic, or all that begin alike (`invoice.*`).
    since, until: recorded from `since` on, before `until`; both with a time zone.
    Raises InvalidCursor.
    """
    after = await _place(conn, cursor)
    is_prefix = type is not None and type.endswith(".*")
    found = await conn.execute(
        """
        SELECT id, type, version, subject, data, recorded_at FROM core.event
        WHERE (transaction, id) > (%(transaction)s::xid8, %(after)s)
            AND transaction < pg_snapshot_xmin(pg_current_snapshot())
            AND (%(subject)s::text IS NULL OR subject = %(subject)s)
            AND (%(type)s::text IS NULL OR type = %(type)s)
            AND (%(prefix)s::text IS NULL OR starts_with(type, %(prefix)s))
            AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
            AND (%(until)s::timestamptz IS NULL OR recorded_at < %(until)s)
        ORDER BY transaction, id
        LIMIT %(fetch)s
        """,
        {
            "transaction": after[0],
            "after": after[1],
            "subject": subject,
            "type": None if is_prefix else type,
            "prefix": type[:-1] if type is not None and is_prefix else None,
            "since": since,
            "until": until,
            "fetch": limit + 1,
        },
        prepare=False,
    )
    rows = await found.fetchall()
    events = [
        Event(
            id=ids.sequence_id("evt", number),
            type=topic,
            version=version,
            subject=about,
            data=data,
            recorded_at=at,
        )
        for number, topic, version, about, data, at in rows[:limit]
    ]
    more = len(rows) > limit
    return EventPage(data=events, has_more=more, next_cursor=events[-1].id if more else None)
