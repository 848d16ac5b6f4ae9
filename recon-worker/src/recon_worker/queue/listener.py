"""The one thread per process that hears notifications, beats the heart and does the chores of the queue.

Must not run actors: whatever it does must end well within the lease.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, LiteralString, Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection, sql

from . import store

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_RECONNECT_S = 0.1
_RECONNECT_MAX_S = 0.5
_DELAYED: LiteralString = ".DQ"


class Chore(Protocol):
    """Something to do after each heartbeat, on the listener's autocommit connection."""

    def __call__(self, conn: Connection[Any], /) -> None: ...


class Listener(threading.Thread):
    """LISTENs, beats every `heartbeat_s`, recovers the messages of workers silent for `lease_s`.

    Between two beats it sleeps. A message that is due and of which no notification told (it was lost with a
    connection, or its due time came) is seen by the next beat, so consumers need no poll of their own.

    queues: read anew in every round, so queues may be declared while it runs, and then `look_again`.
    on_recovered: told of every message taken from a lost worker.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Connection[Any]],
        owner: UUID,
        queues: Callable[[], Iterable[str]],
        wake: Callable[[str | None], None],
        on_recovered: Callable[[store.Recovered], None],
        heartbeat_s: float,
        lease_s: float,
        max_crashes: int,
    ) -> None:
        super().__init__(name="queue-listener", daemon=True)
        self.chores: list[Chore] = []
        self.ears: dict[str, Callable[[], None]] = {}
        self._connect = connect
        self._owner = owner
        self._queues = queues
        self._wake = wake
        self._on_recovered = on_recovered
        self._heartbeat_s = heartbeat_s
        self._lease_s = lease_s
        self._max_crashes = max_crashes
        self._ended = threading.Event()
        # Whoever writes a byte to the one end interrupts the sleep at the other; there while the thread runs.
        self._alarm: tuple[socket.socket, socket.socket] | None = None
        self._beaten_at = float("-inf")
        self._failures = 0
        self.reconnects = 0

    def is_current(self) -> bool:
        """Whether others see us alive, with enough of the lease left to work in."""
        return time.monotonic() - self._beaten_at < self._lease_s * 0.6

    def stop(self) -> None:
        """End the thread; what this worker still holds is then recovered at once."""
        self._ended.set()
        self.look_again()
        if self.is_alive():
            self.join(timeout=5.0)

    def look_again(self) -> None:
        """Interrupt the sleep: there is a new queue, or an end."""
        alarm = self._alarm
        if alarm is not None:
            with suppress(OSError):  # full of alarms already, or at its end
                alarm[0].send(b"!")

    def run(self) -> None:
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            far.setblocking(False)
            self._alarm = near, far
            self._run(far)

    def _run(self, alarmed: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                with self._connect() as conn:
                    self._listen(conn, alarmed)
            except psycopg.Error as error:
                self._failures += 1
                if self._failures == 1:
                    log.warning("listener lost the database, trying again", error=str(error).strip())
                self._ended.wait(min(_RECONNECT_S * self._failures, _RECONNECT_MAX_S))

    def _listen(self, conn: Connection[Any], alarmed: socket.socket) -> None:
        connected_at = time.monotonic()
        heard: set[str] = set()
        self._beat(conn)
        for channel, hear in self.ears.items():
            conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            hear()
        if self._failures:
            self.reconnects += 1
            log.info("listener is back")
        self._failures = 0
        next_beat = 0.0
        while not self._ended.is_set():
            self._hear_new_queues(conn, heard)
            now = time.monotonic()
            if now >= next_beat:
                next_beat = now + self._heartbeat_s
                seen = self._beat(conn)
                # After an outage everyone looks silent: let the living speak first.
                if seen.may_be_lost and now - connected_at >= 2 * self._heartbeat_s:
                    self._recover(conn)
                self._wake_all(conn, seen.due_queues)
                self._do_chores(conn)
                self._dispatch(conn)
            _sleep(conn, alarmed, max(next_beat - time.monotonic(), 0.0))
            self._dispatch(conn)
        store.forget_worker(conn, self._owner)
        self._beaten_at = float("-inf")

    def _hear_new_queues(self, conn: Connection[Any], heard: set[str]) -> None:
        for queue in self._queues():
            if queue not in heard:
                for name in (queue, queue + _DELAYED):
                    conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(f"dramatiq.{name}.enqueue")))
                heard.add(queue)
                store.adopt_delayed(conn, [queue + _DELAYED])
                # Whatever came before the LISTEN was notified to nobody.
                self._wake(queue)
                self._dispatch(conn)

    def _beat(self, conn: Connection[Any]) -> store.Seen:
        asked_at = time.monotonic()
        queues = list(self._queues())
        delayed = [queue + _DELAYED for queue in queues]
        seen = store.beat(conn, self._owner, queues, delayed, lease_s=self._lease_s)
        self._beaten_at = asked_at
        return seen

    def _dispatch(self, conn: Connection[Any]) -> None:
        """Tell of what was heard, be it while a statement ran or along with its answer."""
        heard = {note.channel for note in conn.notifies(timeout=0)}
        while note := conn.pgconn.notifies():
            heard.add(note.relname.decode())
        queues: set[str] = set()
        for channel in heard:
            if channel in self.ears:
                self.ears[channel]()
            else:
                queues.add(channel.removeprefix("dramatiq.").removesuffix(".enqueue"))
        self._wake_all(conn, queues)

    def _wake_all(self, conn: Connection[Any], queues: Iterable[str]) -> None:
        for queue in queues:
            if queue.endswith(_DELAYED):
                store.adopt_delayed(conn, [queue])
            self._wake(queue.removesuffix(_DELAYED))

    def _recover(self, conn: Connection[Any]) -> None:
        queues = list(self._queues())
        with conn.transaction():
            if not store.try_recovery_lock(conn):
                return
            recovered = store.recover(conn, queues, lease_s=self._lease_s, max_crashes=self._max_crashes)
            for queue, message_id in {row.queue_name: row.message_id for row in recovered}.items():
                store.notify(conn, queue, message_id)
            store.forget_lost_workers(conn, self._lease_s)
        for row in recovered:
            self._on_recovered(row)

    def _do_chores(self, conn: Connection[Any]) -> None:
        for chore in self.chores:
            try:
                chore(conn)
            except psycopg.Error as error:
                if conn.closed or conn.broken:
                    raise
                log.warning(
                    "chore failed, again after the next heartbeat", chore=repr(chore), error=str(error)
                )


def _sleep(conn: Connection[Any], alarmed: socket.socket, timeout_s: float) -> None:
    """Until there is something to read, or an alarm; psycopg itself would look ten times a second."""
    readable = select.poll()
    readable.register(conn.fileno(), select.POLLIN)
    readable.register(alarmed, select.POLLIN)
    readable.poll(timeout_s * 1000)
    with suppress(BlockingIOError):
        alarmed.recv(1024)
