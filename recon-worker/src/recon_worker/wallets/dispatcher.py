"""Has many conversations with providers at once: takes what is due, talks, settles answers in batches.

Must not hold a transaction while talking, and must not be relied on to finish: what a lost process leaves
behind becomes due again by itself.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from payments_schema.wallets import health
from payments_schema.wallets.lifecycle import WalletPayment
from payments_schema.wire.wallets import WalletProvider

from recon_worker.batcher import Batcher
from recon_worker.database import Line
from recon_worker.wallets import desk as desks
from recon_worker.wallets import operations
from recon_worker.wallets.aside import Aside
from recon_worker.wallets.desk import Desk
from recon_worker.wallets.operations import Action, Result, Step
from recon_worker.wallets.providers.protocol import Accepted, NotSent, Observation, Provider, Unknown

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# A transaction is idle while its payments are decided: with 250 of them it was so for too long under load.
TAKE = 100
SETTLE = 100
DESK_IS_OLD = timedelta(seconds=1)
AHEAD_S = 30.0
_WORKER = f"{platform.node()}:{os.getpid()}"
Observe = Callable[[str, str, Observation, float], None]


def _unobserved(_provider: str, _action: str, _said: Observation, _took_s: float) -> None:
    return


def _closed(_provider: WalletProvider) -> str:
    return "closed"


def _now() -> datetime:
    return datetime.now(UTC)


class Dispatcher:
    """The one place of a process that talks to providers.

    most_in_flight: conversations with one provider at a time; a hanging one cannot take the others' places.
    talk_s: the longest that one conversation can take; lease_s must be more.
    """

    def __init__(
        self,
        take_line: Line,
        settle_line: Line,
        providers: Mapping[WalletProvider, Provider],
        desk: Desk,
        aside: Aside,
        *,
        health: Callable[[WalletProvider], str] = _closed,
        most_in_flight: int = 2000,
        lease_s: float = 60.0,
        talk_s: float = 40.0,
        now: Callable[[], datetime] = _now,
        observe: Observe = _unobserved,
    ) -> None:
        self._take_line = take_line
        self._settle_line = settle_line
        self._providers = providers
        self._most = most_in_flight
        self._lease, self._talk = timedelta(seconds=lease_s), timedelta(seconds=talk_s)
        self._now = now
        self._observe = observe
        self._flying: Counter[WalletProvider] = Counter()
        self._desk = replace(desk, health=health, is_full=self._is_full)
        self._aside = aside
        self._tasks: set[asyncio.Task[None]] = set()
        self._settler: Batcher[Result] = Batcher(self._settle, SETTLE)
        self._puller: asyncio.Task[None] | None = None
        self._again = False
        self._has_more = False
        self._wake: asyncio.TimerHandle | None = None
        self._stopping = False
        self._noted: dict[str, str] = {}

    def _is_full(self, provider: WalletProvider) -> bool:
        return self._flying[provider] >= self._most

    @property
    def in_flight(self) -> int:
        return self._flying.total()

    async def pull(self) -> None:
        """Take everything that is due; returns when it is on its way. Concurrent calls share one run."""
        if self._stopping:
            return
        self._again = True
        if self._puller is None:
            self._puller = asyncio.create_task(self._pull())
        await asyncio.shield(self._puller)

    async def _pull(self) -> None:
        try:
            while self._again and not self._stopping:
                self._again = False
                while await self._take_some():
                    pass
        finally:
            self._puller = None

    async def _take_some(self) -> bool:
        room = len(self._providers) * self._most - self.in_flight
        limit = min(TAKE, room)
        self._has_more = limit <= 0
        if self._has_more or self._stopping:
            return False
        now = self._now()
        steps, taken = await self._aside.run(self._begin(now, limit))
        for step in steps:
            self._flying[step.attempt.provider] += 1
            task = asyncio.create_task(self._converse(step))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return taken == limit

    async def _begin(self, now: datetime, limit: int) -> tuple[list[Step], int]:
        states = {provider.value: self._desk.health(provider) for provider in self._providers}
        async with self._take_line.connection() as conn:
            # Before the transaction: what is only read or noted needs none of its locks.
            if self._desk.read_at is None or now - self._desk.read_at > DESK_IS_OLD:
                self._desk = await desks.read(conn, self._desk, now)
            if states != self._noted:
                await health.note_breakers(conn, states, _WORKER, now)
                self._noted = states
            async with conn.transaction():
                return await operations.begin(conn, self._desk, now, lease=self._lease, limit=limit)

    async def _converse(self, step: Step) -> None:
        provider = step.attempt.provider
        try:
            observation, inquiries = await self.talk(step)
        finally:
            self._flying[provider] -= 1
        failures = await self._settler.submit([Result(step, observation, inquiries)])
        for error in failures.values():
            # The lease brings the payment back, and the question is asked again.
            trace = step.order.traceparent
            log.warning("not settled", payment=step.payment_id, error=type(error).__name__, traceparent=trace)
        if self._has_more:
            self._pull_soon(0)

    async def talk(self, step: Step) -> tuple[Observation, int]:
        """Send and ask once, or only ask; never raises for what the provider does."""
        provider = self._providers[step.attempt.provider]
        began = asyncio.get_running_loop().time()
        match step.action:
            case Action.SEND:
                if self._now() > step.until - self._talk:
                    # Held up for so long that another worker may be at it: better to ask than to send.
                    return await provider.inquire(step.order), 1
                said = await provider.submit(step.order)
            case Action.VOUCHER:
                said = await provider.give_voucher(step.order)
            case Action.INQUIRE:
                said = await provider.inquire(step.order)
        if isinstance(said, NotSent) and step.action is not Action.SEND:
            said = Unknown(said.code)
        asked = 0 if step.action is Action.SEND else 1
        if isinstance(said, Accepted) and step.action is not Action.INQUIRE:
            said, asked = await provider.inquire(step.order), 1
            if isinstance(said, Unknown) and said.code in ("circuit_open", "no_token"):
                said = Accepted()
        took_s = asyncio.get_running_loop().time() - began
        self._observe(step.attempt.provider, step.action, said, took_s)
        return said, asked

    async def _settle(self, results: Sequence[Result]) -> Mapping[Result, Exception]:
        now = self._now()
        payments = await self._aside.run(self._write(results, now))
        due = [payment.due_at for payment in payments if payment.due_at is not None]
        if due:
            self._pull_soon((min(due) - now).total_seconds())
        return {}

    async def _write(self, results: Sequence[Result], now: datetime) -> list[WalletPayment]:
        async with self._settle_line.unit_of_work() as conn:
            return await operations.settle(conn, self._desk, results, now)

    def _pull_soon(self, after_s: float) -> None:
        if self._stopping or after_s > AHEAD_S:
            return  # the sweep will find it
        loop = asyncio.get_running_loop()
        at = loop.time() + max(after_s, 0)
        if self._wake is not None and not self._wake.cancelled() and loop.time() < self._wake.when() <= at:
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake = loop.call_at(at, self._start_pull)

    def _start_pull(self) -> None:
        self._wake = None
        task = asyncio.create_task(self._pull_quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pull_quietly(self) -> None:
        try:
            await self.pull()
        except Exception as error:
            # A timer has no caller to tell: the sweep pulls again in a moment, and fails aloud if it must.
            log.warning("pull failed", error=type(error).__name__)

    async def close(self, drain_s: float = 5.0) -> None:
        """Take no more, let conversations end for a while, leave the rest to the lease."""
        self._stopping = True
        if self._wake is not None:
            self._wake.cancel()
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for provider in self._providers.values():
            await provider.close()
        for line in (self._take_line, self._settle_line):
            await self._aside.run(line.close())
