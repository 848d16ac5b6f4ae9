"""Moves queues from Postgres to another broker: what was committed with the money is published after it.

At least once: a crash between publishing and commit publishes again, and actors bear being run twice.
Must not change a message, nor know what it means.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import psycopg
import structlog
from dramatiq.broker import Broker
from dramatiq.errors import BrokerConnectionError
from dramatiq.message import Message
from psycopg import Connection

from .listener import Chore
from .messages import message_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_RECONNECT_S = 0.5

# Stock delayed rows and rows not yet due stay: Postgres keeps the time, the other broker gets what is due.
_TAKE = """
WITH ready AS MATERIALIZED (
    SELECT message_id FROM dramatiq.queue
    WHERE queue_name = ANY (%(queues)s) AND state = 'queued' AND due_at <= now()
    ORDER BY priority, due_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
DELETE FROM dramatiq.queue q USING ready WHERE q.message_id = ready.message_id
RETURNING q.message, q.priority, q.due_at, q.seq
"""


class Publisher(Protocol):
    """Hands a message over and returns only when the other side has it for good."""

    def publish(self, message: Message[Any], /) -> None: ...


class BrokerPublisher:
    """Publishes through any Dramatiq broker; RabbitmqBroker must be made with confirm_delivery=True."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def publish(self, message: Message[Any], /) -> None:
        """Raises BrokerConnectionError where the other broker is not there."""
        self._broker.declare_queue(message.queue_name)
        self._broker.enqueue(message)  # pyright: ignore[reportUnknownMemberType]


def forward(conn: Connection[Any], publisher: Publisher, queues: Sequence[str], *, limit: int = 100) -> int:
    """Publish up to `limit` due messages and delete them in one unit of work; returns how many."""
    with conn.transaction():
        rows = conn.execute(_TAKE, {"queues": list(queues), "limit": limit}).fetchall()
        for fields, *_ in sorted(rows, key=lambda row: row[1:]):
            publisher.publish(message_of(fields))
    return len(rows)


class Relay:
    """Forwards until stopped; reconnects on either side by itself."""

    def __init__(
        self,
        *,
        connect: Callable[[], Connection[Any]],
        publisher: Publisher,
        queues: Sequence[str],
        chores: Sequence[Chore] = (),
        chores_every_s: float = 2.0,
        poll_s: float = 0.05,
    ) -> None:
        """chores: what the listener of a Postgres worker would do, since with a relay there is none."""
        self._connect = connect
        self._publisher = publisher
        self._queues = tuple(queues)
        self._chores = tuple(chores)
        self._chores_every_s = chores_every_s
        self._poll_s = poll_s

    def run(self, stop: threading.Event) -> None:
        """Forward what is due; polls, since whoever needs a relay is past what notifications carry."""
        while not stop.is_set():
            try:
                with self._connect() as conn:
                    self._forward(conn, stop)
            except (psycopg.Error, BrokerConnectionError) as error:
                log.warning("relay interrupted, trying again", error=str(error).strip())
                stop.wait(_RECONNECT_S)

    def _forward(self, conn: Connection[Any], stop: threading.Event) -> None:
        next_chores = 0.0
        while not stop.is_set():
            if time.monotonic() >= next_chores:
                next_chores = time.monotonic() + self._chores_every_s
                for chore in self._chores:
                    chore(conn)
            if not forward(conn, self._publisher, self._queues):
                stop.wait(self._poll_s)
