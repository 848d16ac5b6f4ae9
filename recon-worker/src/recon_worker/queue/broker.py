"""Dramatiq's broker on the table `dramatiq.queue`, row and message compatible with dramatiq-pg 0.12.

Must not know any actor: what a message means is the business of the rooms around it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, cast

import psycopg
import structlog
from dramatiq.actor import Actor
from dramatiq.broker import Broker, Consumer
from dramatiq.errors import BrokerConnectionError, QueueJoinTimeout, QueueNotFound
from dramatiq.message import Message
from dramatiq.middleware import Middleware
from dramatiq.worker import Worker
from psycopg import Connection

from . import store
from .connection import connect
from .consumer import ClaimedMessage, PostgresConsumer
from .listener import Chore, Listener

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# "dramatiq." + name + ".DQ" + ".enqueue" must fit a Postgres identifier of 63 bytes.
QUEUE_NAME_MAX = 43
_SPARE_CONNECTIONS = 4


class _StopClaiming(Middleware):
    """Dramatiq keeps consumers running while its workers finish; they must not take more by then."""

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        if isinstance(broker, PostgresBroker):
            broker.drain()


class PostgresBroker(Broker):
    """Messages in Postgres, claimed with SKIP LOCKED and held under a lease.

    url: libpq URL or "" for the PG* environment; needs a direct connection (LISTEN).
    role: assumed on every connection where the login may.
    heartbeat_s, lease_s: a worker silent for the lease loses its messages to the others.
    max_crashes: a message whose worker was lost that often becomes a dead letter.
    """

    def __init__(
        self,
        url: str,
        *,
        role: str | None = None,
        heartbeat_s: float = 2.0,
        lease_s: float = 10.0,
        max_crashes: int = 5,
        middleware: list[Middleware] | None = None,
    ) -> None:
        super().__init__(middleware=middleware)
        if lease_s < 2 * heartbeat_s:
            raise ValueError("lease_s must be at least two heartbeats")
        self.owner = uuid.uuid4()
        self.queues: dict[str, None] = {}
        self.on_recovered: Callable[[store.Recovered], None] = _log_recovered
        self.on_work: Callable[[], None] = _do_nothing
        self._url = url
        self._role = role
        self._consumers: dict[str, PostgresConsumer] = {}
        self._lock = threading.Lock()
        self._spare: list[Connection[Any]] = []
        self._draining = False
        self._listener = Listener(
            connect=lambda: self._connect("queue-listener", is_durable=False),
            owner=self.owner,
            queues=lambda: list(self._consumers),
            wake=self._wake,
            on_recovered=lambda row: self.on_recovered(row),
            heartbeat_s=heartbeat_s,
            lease_s=lease_s,
            max_crashes=max_crashes,
        )
        self.add_middleware(_StopClaiming())

    # -- declaring and sending -----------------------------------------------------------------

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; ValueError where its notification channel would be too long."""
        if queue_name in self.queues:
            return
        if len(queue_name.encode()) > QUEUE_NAME_MAX:
            raise ValueError(f"queue name longer than {QUEUE_NAME_MAX} bytes: {queue_name}")
        self.emit_before("declare_queue", queue_name)
        self.queues[queue_name] = None
        self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Send a message on a connection of our own; delay in milliseconds.

        A message claimed here (a retry) is answered "again, later" instead: that is written in one
        statement with its fence, so neither a lost database nor a crash can lose or double it.
        Raises BrokerConnectionError within seconds.
        """
        delay_s = (delay or 0) / 1000
        self.emit_before("enqueue", message, delay)
        if not (isinstance(message, ClaimedMessage) and message.consumer.postpone(message, delay_s)):
            self._send(message, delay_s)
        self.emit_after("enqueue", message, delay)
        return message

    def enqueue_in(self, conn: Connection[Any], message: Message[Any], *, delay: int | None = None) -> None:
        """Send a message in the unit of work of the caller's own connection."""
        self.emit_before("enqueue", message, delay)
        self._write(conn, message, (delay or 0) / 1000)
        self.emit_after("enqueue", message, delay)

    # -- consuming -----------------------------------------------------------------------------

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> Consumer:
        """The consumer of a queue; timeout in milliseconds bounds every wait.

        Asked again it is the same one, since messages in flight are answered through it.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        with self._lock:
            consumer = self._consumers.get(queue_name)
            if consumer is None:
                consumer = self._consumers[queue_name] = PostgresConsumer(
                    queue=queue_name,
                    owner=self.owner,
                    connect=lambda: self._connect("queue-consumer"),
                    may_claim=self._listener.is_current,
                    prefetch=prefetch,
                    timeout_s=timeout / 1000,
                )
            if self._draining:
                consumer.drain()
            if not self._listener.is_alive():
                self._listener.start()
            self._listener.look_again()
        return consumer

    def hear(self, channel: str, told: Callable[[], None]) -> None:
        """Have `told` called, in the listener's thread, at each notification of a channel that is no queue's,
        and whenever one may have been missed; to be said before anything is consumed.
        """
        self._listener.ears[channel] = told

    def add_chore(self, chore: Chore) -> None:
        """Do something after every heartbeat of a process that consumes."""
        self._listener.chores.append(chore)

    def drain(self) -> None:
        """Claim nothing any more; answers are still written."""
        self._draining = True
        for consumer in list(self._consumers.values()):
            consumer.drain()

    @property
    def is_ready(self) -> bool:
        """Whether the heart beats and the queues are heard."""
        return self._listener.is_current()

    @property
    def is_alive(self) -> bool:
        """Whether the listener runs, connected or trying to; true before anything is consumed."""
        return not self._consumers or self._listener.is_alive()

    @property
    def held(self) -> int:
        """Messages claimed by this process and not answered."""
        return sum(consumer.held for consumer in list(self._consumers.values()))

    @property
    def reconnects(self) -> int:
        """How often the listener came back from a lost database."""
        return self._listener.reconnects

    def close(self) -> None:
        """Give back what nobody began, end the heartbeat and close every connection."""
        self.drain()
        for consumer in list(self._consumers.values()):
            consumer.close()
        self._listener.stop()
        with self._lock:
            spare, self._spare = self._spare, []
        for conn in spare:
            conn.close()

    # -- for tests and operators ---------------------------------------------------------------

    def flush(self, queue_name: str) -> None:
        """Drop what waits in a queue."""
        with self._connect("queue-flush") as conn:
            store.flush(conn, queue_name)

    def flush_all(self) -> None:
        """Drop what waits in every declared queue."""
        for queue_name in list(self.queues):
            self.flush(queue_name)

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until a queue is empty; timeout in milliseconds, then QueueJoinTimeout."""
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        with self._connect("queue-join") as conn:
            while store.open_count(conn, queue_name):
                if deadline is not None and time.monotonic() >= deadline:
                    raise QueueJoinTimeout(queue_name)
                time.sleep(0.02)

    # -- inner life ----------------------------------------------------------------------------

    def _connect(self, name: str, *, is_durable: bool = True) -> Connection[Any]:
        return connect(self._url, name=name, role=self._role, is_durable=is_durable)

    def _wake(self, queue_name: str | None) -> None:
        for name, consumer in list(self._consumers.items()):
            if queue_name is None or name == queue_name:
                consumer.wake()
        self.on_work()

    def _write(self, conn: Connection[Any], message: Message[Any], delay_s: float) -> None:
        known = cast("dict[str, Actor[..., Any]]", self.actors)
        actor = known.get(message.actor_name)
        store.enqueue(
            conn,
            message.message_id,
            message.queue_name,
            message.encode().decode(),
            delay_s=delay_s,
            priority=max(-32768, min(actor.priority if actor else 0, 32767)),
        )

    def _send(self, message: Message[Any], delay_s: float) -> None:
        with self._lock:
            conn = self._spare.pop() if self._spare else None
        try:
            if conn is not None:
                try:
                    self._write(conn, message, delay_s)
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    # A spare connection may have died unseen; should this write twice, the id makes it one.
                    conn.close()
                    conn = None
            if conn is None:
                conn = self._connect("queue-send")
                self._write(conn, message, delay_s)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if conn is not None:
                conn.close()
            raise BrokerConnectionError(str(error).strip()) from error
        with self._lock:
            if len(self._spare) < _SPARE_CONNECTIONS:
                self._spare.append(conn)
                return
        conn.close()


def _do_nothing() -> None:
    pass


def _log_recovered(row: store.Recovered) -> None:
    if row.state == "rejected":
        log.error("message given up: its workers were lost", **row._asdict())
    else:
        log.warning("message of a lost worker requeued", **row._asdict())
