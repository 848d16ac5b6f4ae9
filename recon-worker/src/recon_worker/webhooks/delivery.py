"""Delivers events: fans out, takes what is due, sends side by side, writes every attempt down.

Must not hold a transaction while sending; what a lost process leaves behind becomes due when its lease ends.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import structlog
from payments_schema import ids
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.webhooks import signing, store
from payments_schema.webhooks.store import Due, Outcome
from payments_schema.wire.webhooks import Attempt
from psycopg import AsyncConnection

from recon_worker.database import Line
from recon_worker.settings import WebhookSettings
from recon_worker.webhooks import guard
from recon_worker.webhooks.connections import Connections
from recon_worker.webhooks.follower import Follower

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RETRIES_S: Sequence[float] = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The schedule that Standard Webhooks advises; after the last one a delivery is given up."""
LEASE_S = 60.0
EACH = 16
MOST_NEWS = 1000
GONE = 410


class Deliverer:
    """Talks to all receivers of a process; each has its own places, so none delays others."""

    def __init__(self, line: Line, settings: WebhookSettings, retries_s: Sequence[float] = RETRIES_S) -> None:
        self._line = line
        self._settings = settings
        self._retries_s = retries_s
        self._flying: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._connections = Connections(settings.webhook_timeout_s)
        self._follower: Follower | None = None
        self._following: asyncio.Task[None] | None = None
        self._is_asked = self._is_pulling = self._wants_news = False

    async def follow(self) -> None:
        """From now on look for news by itself; returns at once."""
        if self._follower is None:
            self._follower = Follower(self._line, self.pull)
            self._following = asyncio.create_task(self._follower.follow())

    def nudge(self) -> None:
        """There may be news; from any thread."""
        if self._follower is not None:
            self._follower.nudge()

    async def pull(self) -> int:
        """Fan out and start what is due; returns how many deliveries were started."""
        self._wants_news = True
        return await self._turn()

    async def _turn(self) -> int:
        """Asked while it runs, it runs once more: completions of many deliveries share one commit."""
        self._is_asked = True
        if self._is_pulling:
            return 0
        self._is_pulling, started = True, 0
        try:
            while self._is_asked:
                self._is_asked = False
                started += await self._round()
        finally:
            self._is_pulling = False
        return started

    async def _round(self) -> int:
        outcomes, self._outcomes = self._outcomes, []
        wants_news, self._wants_news = self._wants_news, False
        try:
            async with self._line.unit_of_work() as conn:
                if outcomes:
                    await self._settle(conn, outcomes)
                if wants_news and await store.fan_out(conn, MOST_NEWS) == MOST_NEWS:
                    self._wants_news = self._is_asked = True
                due = await store.claim_due(conn, +self._flying, EACH, LEASE_S)
        except psycopg.OperationalError:
            # Of any other fault one of them may be the cause: kept, it would come back for ever.
            self._outcomes = outcomes + self._outcomes
            raise
        for one in due:
            self._flying[one.subscription_id] += 1
            task = asyncio.create_task(self._deliver(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(due)

    async def settled(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Give up what is under way (its lease ends by itself), close the line."""
        tasks = [*self._tasks, *([self._following] if self._following else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connections.close()
        await self._line.close()

    async def _deliver(self, due: Due) -> None:
        try:
            attempt = await self._attempt(due)
        finally:
            self._flying[due.subscription_id] -= 1
        over = due.attempts > len(self._retries_s)
        retry_in_s = None if attempt.error is None or over else self._retries_s[due.attempts - 1]
        self._outcomes.append(Outcome(due, attempt, retry_in_s))
        try:
            await self._turn()
        except psycopg.OperationalError as error:
            # What was found out is kept for the next turn; were it lost, the lease would end by itself.
            log.warning("outcomes wait for the database", error=str(error).partition("\n")[0])
        except psycopg.Error as error:
            log.error("outcomes lost, their leases end", error=str(error).partition("\n")[0])

    async def _attempt(self, due: Due) -> Attempt:
        at, begun = datetime.now(UTC), time.monotonic()
        answer: int | None = None
        error: str | None = None
        try:
            async with asyncio.timeout(self._settings.webhook_timeout_s):
                answer = await self._send(due, at)
            if not 200 <= answer < 300:
                error = f"answered {answer}"
        except TimeoutError:
            error = "no answer in time"
        except (httpx.HTTPError, guard.AddressRefused, _TooLarge) as fault:
            error = f"{type(fault).__name__}: {fault}"[:300]
        took_ms = round((time.monotonic() - begun) * 1000)
        return Attempt(number=due.attempts, at=at, took_ms=took_ms, answer=answer, error=error)

    async def _send(self, due: Due, at: datetime) -> int:
        body = body_of(due)
        if len(body.encode()) > self._settings.webhook_largest_bytes:
            raise _TooLarge("the event is larger than a receiver is sent")
        secrets = [due.secret, *([due.old_secret] if due.old_secret else [])]
        keys = [signing.key_of(secret) for secret in secrets]
        headers = signing.sign(keys, ids.sequence_id("evt", due.event_id), at, body)
        target = await guard.pin(
            due.url,
            allow_private=self._settings.webhook_allow_private,
            allowed=self._settings.webhook_allow_networks,
        )
        return await self._connections.post(target, body, headers)

    async def _settle(self, conn: AsyncConnection[Any], outcomes: Sequence[Outcome]) -> None:
        await store.settle(conn, outcomes)
        latest = {outcome.due.subscription_id: outcome for outcome in outcomes}
        gone = {o.due.subscription_id for o in outcomes if o.attempt.answer == GONE}
        failing = await store.note_health(
            conn, {id_: outcome.attempt.error is None for id_, outcome in latest.items()}
        )
        patience, now = timedelta(seconds=self._settings.webhook_disable_after_s), datetime.now(UTC)
        for id_, outcome in sorted(latest.items()):
            since = failing.get(id_)
            if id_ in gone or (since is not None and now - since >= patience):
                reason = "the receiver said 410 Gone" if id_ in gone else f"failing since {since}"
                await store.set_status(conn, id_, "disabled", reason)
                data = {"id": id_, "url": outcome.due.url, "reason": reason}
                await events.record(conn, NewEvent("webhook.disabled", id_, data))
                log.warning("webhook subscription disabled", **data)


class _TooLarge(Exception):
    pass


def body_of(due: Due) -> str:
    """The event as receivers get it: Standard Webhooks' type, timestamp and data, and our id and version."""
    return json.dumps(
        {
            "id": ids.sequence_id("evt", due.event_id),
            "type": due.type,
            "version": due.version,
            "timestamp": due.recorded_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "subject": due.subject,
            "data": due.data,
        },
        ensure_ascii=False,
    )
