"""One queue's consumer: claims messages, hands them to Dramatiq and writes the answers back.

Answers travel with the next claim in one transaction, fenced by (owner, claims).
It never raises for a lost database: it waits, reconnects and carries on with what it holds.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast
from uuid import UUID

import psycopg
import structlog
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.message import Message
from psycopg import Connection

from . import store
from .messages import message_of
from .store import Answer, Claim

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# How long an answer may wait for company; it widens the window of a second run after a crash.
LINGER_S = 0.02
_RECONNECT_S = 0.1
_BROKEN_S = 1.0
_DRAINING_S = 0.05


class ClaimedMessage(MessageProxy):
    """A message with the fence of its claim."""

    def __init__(self, message: Message[Any], claim: Claim, consumer: PostgresConsumer) -> None:
        super().__init__(message)  # pyright: ignore[reportUnknownMemberType] — Dramatiq leaves Message's type open
        self._claimed = message
        self.row_id = claim.message_id
        self.claims = claim.claims
        self.crashes = claim.crashes
        self.consumer = consumer

    def encoded(self) -> str:
        """The message as Dramatiq's JSON, without what Postgres tells in DETAIL: that may be a customer's."""
        trace = self._claimed.options.get("traceback")
        if isinstance(trace, str):
            lines = (line for line in trace.splitlines() if not line.startswith("DETAIL:"))
            self._claimed.options["traceback"] = "\n".join(lines)
        return self._claimed.encode().decode()

    def error(self) -> str:
        """Type and first line of what went wrong; Postgres tells values only in later lines."""
        if self._exception is None:
            return ""
        first_line = str(self._exception).strip().partition("\n")[0]
        return f"{type(self._exception).__name__}: {first_line}"[:500]


class PostgresConsumer(Consumer):
    """Iterates over the messages of one queue; answers may come from any thread."""

    def __init__(
        self,
        *,
        queue: str,
        owner: UUID,
        connect: Callable[[], Connection[Any]],
        may_claim: Callable[[], bool],
        prefetch: int,
        timeout_s: float,
    ) -> None:
        """may_claim: false while our heartbeat is not current, since a claim then would look lost."""
        self.queue = queue
        self.prefetch = prefetch
        self.timeout_s = timeout_s
        self._owner = owner
        self._connect = connect
        self._may_claim = may_claim
        self._conn: Connection[Any] | None = None
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._exchanging = threading.Lock()
        self._buffer: deque[ClaimedMessage] = deque()
        self._held: dict[str, int] = {}
        self._done: list[Answer] = []
        self._postponed: list[Answer] = []
        self._rejected: list[Answer] = []
        self._first_answer_at = 0.0
        self._wakes: int = 0
        self._idle_until = 0.0
        self._idle_wakes: int = 0
        self._draining = False
        self._failures = 0
        self._is_uncertain = False

    # -- what Dramatiq calls -------------------------------------------------------------------

    def __next__(self) -> MessageProxy | None:
        if not self._buffer:
            self._refill()
        try:
            return self._buffer.popleft()
        except IndexError:
            return None

    def ack(self, message: MessageProxy) -> None:
        claimed = cast(ClaimedMessage, message)
        self._answer(claimed, self._done, Answer(claimed.row_id, claimed.claims))

    def nack(self, message: MessageProxy) -> None:
        claimed = cast(ClaimedMessage, message)
        self._answer(claimed, self._rejected, _with_message(claimed))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give back messages that nobody began, with a notification for the other workers."""
        unbegun = [cast(ClaimedMessage, message) for message in messages]
        unbegun.extend(self._buffer)
        self._buffer.clear()
        answers: list[Answer] = []
        with self._lock:
            for message in unbegun:
                if self._held.get(message.row_id) == message.claims:
                    del self._held[message.row_id]
                    answers.append(Answer(message.row_id, message.claims))
        try:
            self._exchange(0)
            if answers:
                store.give_back(self._connection(), self._owner, answers)
        except psycopg.Error as error:
            # The lease runs out for them, and another worker recovers them.
            log.warning(
                "could not give messages back", queue=self.queue, count=len(answers), error=str(error)
            )

    def close(self) -> None:
        """Write what is answered and give back what is buffered; held messages may still be answered."""
        self.requeue([])
        self._disconnect()

    # -- what the broker and the listener call -------------------------------------------------

    def postpone(self, message: ClaimedMessage, delay_s: float) -> bool:
        """Answer "again, later"; false where this claim was answered already."""
        return self._answer(message, self._postponed, _with_message(message, delay_s))

    def wake(self) -> None:
        """There may be work."""
        with self._lock:
            self._wakes += 1
        self._wake.set()

    def drain(self) -> None:
        """Claim nothing from now on; answers are still written."""
        self._draining = True
        self.wake()

    @property
    def held(self) -> int:
        """Messages claimed and not answered."""
        return len(self._held)

    # -- inner life ----------------------------------------------------------------------------

    def _answer(self, message: ClaimedMessage, answers: list[Answer], answer: Answer) -> bool:
        with self._lock:
            if self._held.get(message.row_id) != message.claims:
                return False
            del self._held[message.row_id]
            if not self._unwritten():
                self._first_answer_at = time.monotonic()
                urgent = True
            else:
                urgent = not self._held or self._free() == self._low_water()
            answers.append(answer)
        if urgent:
            self._wake.set()
        return True

    def _unwritten(self) -> bool:
        return bool(self._done or self._postponed or self._rejected)

    def _free(self) -> int:
        return self.prefetch - len(self._held)

    def _low_water(self) -> int:
        return max(1, self.prefetch // 4)

    def _refill(self) -> None:
        # Cleared before the claim: a wake-up that comes while we claim is seen after it.
        self._wake.clear()
        wakes = self._wakes
        now = time.monotonic()
        is_idle = now < self._idle_until and wakes == self._idle_wakes
        limit = 0 if self._draining or is_idle or not self._may_claim() else self._free()
        if limit < self._low_water() and self._held:
            limit = 0
        answers_due = self._unwritten() and (
            limit > 0 or not self._held or now - self._first_answer_at >= LINGER_S
        )
        if limit <= 0 and not answers_due and not self._is_uncertain:
            self._wait(now, idle_until=self._idle_until if is_idle else 0.0)
            return
        try:
            claims = self._exchange(max(limit, 0))
            self._failures = 0
            for claim in claims:
                self._receive(claim)
            if limit > 0 and not claims:
                # Void once somebody wakes us: a wake-up during the claim is for what it did not see yet.
                self._idle_until, self._idle_wakes = now + self._idle_s(), wakes
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._stumble(error, _RECONNECT_S)
        except psycopg.Error as error:
            self._stumble(error, _BROKEN_S)

    def _idle_s(self) -> float:
        due_s = store.next_due_s(self._connection(), self.queue)
        if due_s is None:
            return self.timeout_s
        # Due and yet not claimed: another worker has it under its lock at this moment.
        return min(due_s, self.timeout_s) if due_s > 0 else 0.01

    def _wait(self, now: float, idle_until: float) -> None:
        # Draining, Dramatiq ends us between two waits.
        timeout_s = min(self.timeout_s, _DRAINING_S) if self._draining else self.timeout_s
        if idle_until > now:
            timeout_s = min(timeout_s, idle_until - now)
        if self._unwritten():
            timeout_s = min(timeout_s, max(self._first_answer_at + LINGER_S - now, 0.0))
        self._wake.wait(timeout_s)

    def _exchange(self, limit: int) -> list[Claim]:
        """Write the answers and claim up to `limit` messages in one transaction and one round trip."""
        with self._exchanging:
            with self._lock:
                done, postponed, rejected = self._done, self._postponed, self._rejected
                self._done, self._postponed, self._rejected = [], [], []
                # As of the same moment: what is answered from now on is neither written nor reclaimed yet.
                held = list(self._held)
            try:
                claims = self._write_and_claim(done, postponed, rejected, held, limit)
            except BaseException:
                # The fence makes a second writing harmless, should the commit have gone through.
                with self._lock:
                    self._done[:0], self._postponed[:0], self._rejected[:0] = done, postponed, rejected
                self._is_uncertain = True
                self._disconnect()
                raise
            self._is_uncertain = False
            with self._lock:
                for claim in claims:
                    self._held[claim.message_id] = claim.claims
            if postponed:
                self._idle_until = 0.0
            return claims

    def _write_and_claim(
        self,
        done: list[Answer],
        postponed: list[Answer],
        rejected: list[Answer],
        held: list[str],
        limit: int,
    ) -> list[Claim]:
        if not (done or postponed or rejected or limit > 0 or self._is_uncertain):
            return []
        conn = self._connection()
        cursor = None
        with conn.pipeline(), conn.transaction():
            if done:
                store.acknowledge(conn, self._owner, done)
            if postponed:
                store.postpone(conn, self._owner, postponed)
            if rejected:
                store.reject(conn, self._owner, rejected)
            if self._is_uncertain:
                store.reclaim(conn, self._owner, self.queue, held)
            if limit > 0:
                cursor = store.claim(conn, self.queue, self._owner, limit)
        return store.claimed(cursor) if cursor is not None else []

    def _receive(self, claim: Claim) -> None:
        fields = claim.message
        try:
            message = message_of(fields, queue=self.queue)
        except (KeyError, TypeError, ValueError) as error:
            log.error("not a Dramatiq message, rejected", queue=self.queue, message_id=claim.message_id)
            with self._lock:
                del self._held[claim.message_id]
                reason = f"not a Dramatiq message: {error!r}"
                self._rejected.append(Answer(claim.message_id, claim.claims, json.dumps(fields), reason))
            return
        self._buffer.append(ClaimedMessage(message, claim, self))

    def _connection(self) -> Connection[Any]:
        if self._conn is None or self._conn.closed:
            self._conn = self._connect()
        return self._conn

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    def _stumble(self, error: psycopg.Error, wait_s: float) -> None:
        self._disconnect()
        self._failures += 1
        if self._failures == 1:
            log.warning("queue not reachable, trying again", queue=self.queue, error=str(error).strip())
        self._wake.wait(min(wait_s * self._failures, 1.0 if wait_s < _BROKEN_S else 5.0))


def _with_message(message: ClaimedMessage, delay_s: float = 0.0) -> Answer:
    return Answer(message.row_id, message.claims, message.encoded(), message.error(), delay_s)
