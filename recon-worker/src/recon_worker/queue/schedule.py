"""Scheduled work: a row with a slot, claimed once across all workers, becomes an ordinary message.

Must not run the work itself, nor catch up: of the slots missed while nobody ran, only the latest counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import structlog
from dramatiq.message import Message
from psycopg import Connection, sql

from . import store

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_NAMESPACE = uuid.UUID("6f1c6f0e-6a0f-5d6b-9a53-1f8f5b0c9d11")

_OPEN: LiteralString = """
CASE WHEN EXISTS (
    SELECT FROM core.schedule AS t WHERE t.name = {name}
    AND t.last_slot >= to_timestamp(floor(extract(epoch FROM now()) / {every_s}) * {every_s}))
THEN false ELSE coalesce(({due}), false) END
"""

# The first condition keeps the usual case, a slot that is taken, free of row locks and WAL.
_CLAIM_SLOT = """
WITH slot AS (SELECT to_timestamp(floor(extract(epoch FROM now()) / %(every_s)s) * %(every_s)s) AS at)
INSERT INTO core.schedule AS s (name, last_slot, claimed_by, claimed_at)
SELECT %(name)s, slot.at, %(worker)s, now() FROM slot
WHERE NOT EXISTS (SELECT FROM core.schedule t WHERE t.name = %(name)s AND t.last_slot >= slot.at)
ON CONFLICT (name) DO UPDATE
    SET last_slot = excluded.last_slot, claimed_by = excluded.claimed_by, claimed_at = excluded.claimed_at
    WHERE s.last_slot < excluded.last_slot
RETURNING last_slot
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Send `actor` on `queue` once in every slot of `every_s` seconds, counted from the epoch (UTC).

    due: an SQL expression, true where there is something to do; until it is, the slot is left open and
    nothing is sent. It must be cheap, write and lock nothing, and may be true for nothing.
    """

    name: str
    every_s: float
    queue: str
    actor: str
    args: tuple[Any, ...] = field(default=())
    due: LiteralString = "true"

    def __post_init__(self) -> None:
        if self.every_s <= 0:
            raise ValueError("every_s must be positive")


class Scheduler:
    """A chore of the listener."""

    def __init__(self, schedules: Sequence[Schedule], worker: str) -> None:
        self._schedules = tuple(schedules)
        self._worker = worker
        asked = [
            sql.SQL(_OPEN).format(
                name=sql.Literal(schedule.name),
                every_s=sql.Literal(schedule.every_s),
                due=sql.SQL(schedule.due),
            )
            for schedule in self._schedules
        ]
        self._look = sql.SQL("SELECT ") + sql.SQL(", ").join(asked)

    def __call__(self, conn: Connection[Any], /) -> None:
        # One look at all of them, for the usual case in which there is nothing to do.
        row = conn.execute(self._look).fetchone() if self._schedules else None
        for schedule, is_due in zip(self._schedules, row or (), strict=True):
            if not is_due:
                continue
            with conn.transaction():
                slot = _claim_slot(conn, schedule, self._worker)
                if slot is not None:
                    _send(conn, schedule, slot)
                    log.debug("slot claimed", schedule=schedule.name, slot=slot.isoformat())

    def __repr__(self) -> str:
        return f"Scheduler({', '.join(schedule.name for schedule in self._schedules)})"


def message_id(schedule: Schedule, slot: datetime) -> str:
    """The id of the one message of a slot."""
    return str(uuid.uuid5(_NAMESPACE, f"{schedule.name}:{slot.timestamp()}"))


def _claim_slot(conn: Connection[Any], schedule: Schedule, worker: str) -> datetime | None:
    row = conn.execute(
        _CLAIM_SLOT, {"name": schedule.name, "every_s": schedule.every_s, "worker": worker}
    ).fetchone()
    return row[0] if row else None


def _send(conn: Connection[Any], schedule: Schedule, slot: datetime) -> None:
    message: Message[Any] = Message(
        queue_name=schedule.queue,
        actor_name=schedule.actor,
        args=schedule.args,
        kwargs={},
        options={},
        message_id=message_id(schedule, slot),
    )
    store.enqueue(conn, message.message_id, schedule.queue, message.encode().decode())
