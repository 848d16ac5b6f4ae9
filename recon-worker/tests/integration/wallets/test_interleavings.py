"""Replies, callbacks, polls, retries, cancels, expiries in any order: never paid twice, books equal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from payments_schema.errors import PaymentsError
from payments_schema.ledger import store as ledger
from payments_schema.ledger.audit import integrity
from payments_schema.wallets import books, lifecycle, store
from payments_schema.wallets.lifecycle import Change, WalletPayment
from payments_schema.wire.wallets import WALLET_TRANSITIONS, WalletProvider, WalletStatus
from psycopg import AsyncConnection
from wallets.world import DELAYED, FAILED, LATE, LOST, ONGOING, REJECTED, SUCCESS, Wallets

from recon_worker.wallets.operations import Result, Step

PHONES = (SUCCESS, FAILED, REJECTED, ONGOING, DELAYED, LOST, LATE, "0243123456", "0243123462", "0203123499")
KNOBS: tuple[dict[str, Any], ...] = (
    {},
    {"lose_reply": 0.5},
    {"error_after": 0.5},
    {"refuse": 0.5},
    {"garbage": 0.4},
    {"decline": 0.5},
    {"outage": True},
    {"unknown_status": 0.5},
    {"settle_after_s": 20.0},
)
moves = st.one_of(
    st.tuples(st.just("initiate"), st.sampled_from(PHONES), st.sampled_from(["disburse", "collect"])),
    st.tuples(st.just("begin"), st.integers(1, 4)),
    st.tuples(st.just("talk"), st.integers(0, 5)),
    st.tuples(st.just("settle"), st.integers(0, 5)),
    st.tuples(st.just("settle twice"), st.integers(0, 5)),
    st.tuples(st.just("lose worker"), st.integers(0, 5)),
    st.tuples(st.just("callback"), st.integers(0, 5)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("refund"), st.integers(0, 5)),
    st.tuples(st.just("pass"), st.sampled_from([1, 7, 61, 120, 301])),
    st.tuples(st.just("knobs"), st.sampled_from(["mtn", "telecel", "airteltigo"]), st.sampled_from(KNOBS)),
)


class Machine:
    """A platform whose parts move one at a time, in the order that Hypothesis says."""

    def __init__(self, wallets: Wallets) -> None:
        self.w = wallets
        self.ids: list[str] = []
        self.steps: list[Step] = []
        self.results: list[Result] = []
        self.seen: dict[str, WalletStatus] = {}

    async def do(self, move: tuple[Any, ...]) -> None:
        handler: Callable[..., Coroutine[Any, Any, None]] = getattr(self, "_" + move[0].replace(" ", "_"))
        await handler(*move[1:])

    async def _initiate(self, phone: str, direction: str) -> None:
        self.ids.append(await self.w.initiate(phone, direction=direction))

    async def _begin(self, limit: int) -> None:
        self.steps += await self.w.begin(limit)

    async def _talk(self, at: int) -> None:
        if self.steps:
            step = self.steps.pop(at % len(self.steps))
            # A worker that was held up asks instead of sending, as the dispatcher does.
            if self.w.now > step.until:
                return
            self.results.append(await self.w.talk(step))

    async def _settle(self, at: int) -> None:
        if self.results:
            await self.w.settle(self.results.pop(at % len(self.results)))

    async def _settle_twice(self, at: int) -> None:
        if self.results:
            result = self.results[at % len(self.results)]
            await self.w.settle(result)
            await self.w.settle(result)

    async def _lose_worker(self, at: int) -> None:
        if self.results:
            self.results.pop(at % len(self.results))
        elif self.steps:
            self.steps.pop(at % len(self.steps))

    async def _callback(self, at: int) -> None:
        if self.ids:
            await store.hasten(self.w.conn, self.ids[at % len(self.ids)], self.w.now)
            await self.w.conn.commit()

    async def _cancel(self, at: int) -> None:
        await self._change(at, lambda p: lifecycle.cancel(p, "test", None, self.w.now))

    async def _refund(self, at: int) -> None:
        await self._change(at, lambda p: lifecycle.refund(p, "operator", "asked", self.w.now))

    async def _change(self, at: int, decide: Callable[[WalletPayment], Change]) -> None:
        if not self.ids:
            return
        id = self.ids[at % len(self.ids)]
        locked = await store.lock(self.w.conn, [id])
        try:
            change = decide(locked[id])
        except PaymentsError:
            await self.w.conn.rollback()
            return
        await store.save(self.w.conn, [change])
        await ledger.post_many(self.w.conn, change.postings)
        await self.w.conn.commit()

    async def _pass(self, seconds: int) -> None:
        self.w.pass_time(seconds)

    async def _knobs(self, provider: str, knobs: dict[str, Any]) -> None:
        calm = type(self.w.world.knobs[provider])()
        self.w.world.knobs[provider] = calm.changed(knobs)

    async def look(self) -> None:
        """No step outside the table, no final state left, never two successes."""
        for id in self.ids:
            now = (await self.w.get(id)).status
            before = self.seen.get(id, WalletStatus.INITIATED)
            assert now is before or now in reachable(before), (before, now)
            self.seen[id] = now
        paid: Counter[str] = Counter()
        for id in self.ids:
            payment = await self.w.get(id)
            for provider in ("mtn", "telecel", "airteltigo"):
                # Every reference that could ever be sent for this payment, whether or not we know of it.
                reference = lifecycle.reference_of(id, WalletProvider(provider), "payment")
                known = self.w.world.books.find(provider, str(reference))
                paid[id] += known is not None and known.state == "SUCCESSFUL"
            assert sum(a.state == "succeeded" for a in payment.attempts if a.purpose == "payment") <= 1
            shown = await books.of_payment(self.w.conn, id)
            await self.w.conn.commit()
            assert shown.witness.agrees, (payment.status, shown.witness.problems)
        assert all(times <= 1 for times in paid.values()), paid

    async def _end_what_is_ongoing(self) -> None:
        """What would stay open for ever at its provider is agreed to by its payer at last."""
        for id in self.ids:
            for attempt in (await self.w.get(id)).attempts:
                known = self.w.world.books.find(attempt.provider, str(attempt.reference))
                if known is not None and known.state == "PENDING" and known.settles_at is None:
                    self.w.world.books.settle(known, None, self.w.now.timestamp())

    async def _is_quiet(self) -> bool:
        payments = [await self.w.get(id) for id in self.ids]
        return all(payment.open_attempt() is None for payment in payments)

    async def finish(self, before: Mapping[str, int]) -> None:
        """Calm weather for two days: everything ends, and the books agree."""
        for provider in self.w.world.knobs:
            await self._knobs(provider, {})
        self.steps.clear()
        self.results.clear()
        for seconds in (61, 301, 600, 900, 900, 900, 900):
            await self._end_what_is_ongoing()
            self.w.pass_time(seconds)
            while await self.w.round():
                self.w.pass_time(16)
                if await self._is_quiet():
                    break
        await self.look()
        for id in self.ids:
            payment = await self.w.get(id)
            assert payment.open_attempt() is None, payment
            assert payment.is_final or payment.status is WalletStatus.CONFIRMED, payment
        await self.w.assert_books_agree(before)
        after = await self.w.balances()
        assert after.get("wallet_clearing", 0) == before.get("wallet_clearing", 0)
        assert (await integrity(self.w.conn)).ok
        await self.w.conn.rollback()


def reachable(status: WalletStatus) -> set[WalletStatus]:
    found: set[WalletStatus] = set()
    waiting = list(WALLET_TRANSITIONS[status])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += WALLET_TRANSITIONS[one]
    return found


async def _live(url: str, seed: int, script: list[tuple[Any, ...]]) -> None:
    async with await AsyncConnection.connect(url) as conn:
        await conn.execute("SET ROLE payments_app")
        await conn.commit()
        wallets = Wallets(conn, seed=seed)
        # Examples share a database: what an earlier one left is moved out of the way.
        await conn.execute("UPDATE core.wallet_payment SET due_at = NULL")
        await conn.commit()
        machine = Machine(wallets)
        before = await wallets.balances()
        try:
            for move in script:
                await machine.do(move)
                await machine.look()
            await machine.finish(before)
        finally:
            await wallets.close()


EXAMPLES = 15


def _run(url: str, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.integers(0, 2**16), st.lists(moves, min_size=5, max_size=30))
    def lives(seed: int, script: list[tuple[Any, ...]]) -> None:
        asyncio.run(_live(url, seed, script))

    lives()


def test_no_order_of_events_pays_twice_or_loses_money(database_url: str) -> None:
    _run(database_url, EXAMPLES)


@pytest.mark.long
def test_no_order_of_events_pays_twice_or_loses_money_for_long(database_url: str) -> None:
    _run(database_url, 500)
