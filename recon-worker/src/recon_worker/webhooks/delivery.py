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

import httpx
import structlog
from payments_schema import ids
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.webhooks import signing, store
from payments_schema.webhooks.store import Due
from payments_schema.wire.webhooks import Attempt
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from recon_worker.database import Line
from recon_worker.webhooks import guard

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RETRIES_S: Sequence[float] = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The schedule that Standard Webhooks advises; after the last one a delivery is given up."""
LEASE_S = 60.0
EACH = 16
GONE = 410


class WebhookSettings(BaseSettings):
    """What deliveries may be told by the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    webhook_allow_private: bool = False
    webhook_timeout_s: float = Field(default=15.0, gt=0, le=40)
    webhook_pull_s: float = Field(default=1.0, ge=0.2, le=600)
    webhook_disable_after_s: float = Field(default=432_000.0, gt=0)
    webhook_largest_bytes: int = Field(default=262_144, ge=1024)


class Deliverer:
    """Talks to all receivers of a process; each has its own places, so none delays others."""

    def __init__(self, line: Line, settings: WebhookSettings, retries_s: Sequence[float] = RETRIES_S) -> None:
        self._line = line
        self._settings = settings
        self._retries_s = retries_s
        self._flying: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None
        self._is_asked = self._is_pulling = False

    async def pull(self) -> int:
        """Fan out and start what is due; returns how many deliveries were started.

        Asked while it runs, it runs once more: completions of many deliveries share their next look.
        """
        self._is_asked = True
        if self._is_pulling:
            return 0
        self._is_pulling, started = True, 0
        try:
            while self._is_asked:
                self._is_asked = False
                started += await self._pull()
        finally:
            self._is_pulling = False
        return started

    async def _pull(self) -> int:
        async with self._line.unit_of_work() as conn:
            await store.fan_out(conn)
        busy = [id_ for id_, count in self._flying.items() if count >= EACH]
        async with self._line.unit_of_work() as conn:
            due = await store.claim_due(conn, busy, EACH, LEASE_S)
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
        await self._line.close()

    async def _deliver(self, due: Due) -> None:
        try:
            attempt = await self._attempt(due)
            await self._settle(due, attempt)
        finally:
            self._flying[due.subscription_id] -= 1
        if attempt.error is None:
            await self.pull()  # the next of its subject, or of a full receiver, has waited for this

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
        target = await guard.pin(due.url, allow_private=self._settings.webhook_allow_private)
        if self._client is None:
            # Redirects lead where nobody looked, and a proxy of the environment would resolve again.
            self._client = httpx.AsyncClient(
                follow_redirects=False, trust_env=False, timeout=self._settings.webhook_timeout_s
            )
        if target.url.scheme == "https":
            # A kept connection is found by its address; another name there must not get this one's.
            headers["connection"] = "close"
        request = self._client.build_request(
            "POST",
            target.url,
            content=body,
            headers=headers | {"host": target.host, "content-type": "application/json"},
            extensions={"sni_hostname": target.name},
        )
        response = await self._client.send(request, stream=True)
        await response.aclose()  # only the status counts; a body without an end must not be read
        return response.status_code

    async def _settle(self, due: Due, attempt: Attempt) -> None:
        is_delivered = attempt.error is None
        over = due.attempts > len(self._retries_s)
        retry_in_s = None if is_delivered or over else self._retries_s[due.attempts - 1]
        async with self._line.unit_of_work() as conn:
            await store.settle(conn, due, attempt, retry_in_s, is_delivered=is_delivered)
            since = await store.note_health(conn, due.subscription_id, is_well=is_delivered)
            patience = timedelta(seconds=self._settings.webhook_disable_after_s)
            is_lost = since is not None and datetime.now(UTC) - since >= patience
            if attempt.answer == GONE or is_lost:
                reason = "the receiver said 410 Gone" if attempt.answer == GONE else f"failing since {since}"
                await store.set_status(conn, due.subscription_id, "disabled", reason)
                data = {"id": due.subscription_id, "url": due.url, "reason": reason}
                await events.record(conn, NewEvent("webhook.disabled", due.subscription_id, data))
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
