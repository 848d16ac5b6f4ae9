"""Weeks of a platform's life in seconds, by a clock that jumps from one thing due to the next.

Providers fail and recover, reviews wait for their operator, statements come every night; at the end nobody
was paid twice, nothing is open, and the providers' books, their statements and the ledger say the same.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from payments_schema.errors import InvalidTransition
from payments_schema.ledger import store as ledger
from payments_schema.ledger.audit import integrity
from payments_schema.wallets import ageing, books, lifecycle, reports, statements, store
from payments_schema.wallets.lifecycle import Change
from payments_schema.wire.wallets import Review, WalletStatus
from wallets.test_interleavings import KNOBS
from wallets.world import DELAYED, FAILED, LATE, LOST, REJECTED, START, Wallets

PROVIDERS = ("mtn", "telecel", "airteltigo")
PHONES = (*["0243{:06d}"] * 12, FAILED, REJECTED, DELAYED, LOST, LATE, "0243123456", "0243123462")
DAY = timedelta(days=1)
SHORTEST_S = 0.25


class Life:
    """What happens, drawn from a seed. The providers' dice fall by references, which are new in every run."""

    def __init__(self, wallets: Wallets, seed: int) -> None:
        self.w = wallets
        self.chance = random.Random(seed)
        self.ids: list[str] = []
        self.ends: Counter[str] = Counter()

    async def live(self, days: int, a_day: int) -> None:
        for day in range(days):
            for at, what, *more in self._plan(START + day * DAY, a_day):
                await self._work_until(at)
                await getattr(self, what)(*more)
        for provider in PROVIDERS:
            await self.weather(provider, {})
        for _ in range(3):
            await self._work_until(self.w.now + DAY)
            await self.decide_reviews()
            await self.night()

    def _plan(self, midnight: datetime, a_day: int) -> list[tuple[Any, ...]]:
        def at() -> datetime:
            return midnight + timedelta(seconds=self.chance.randrange(86_000))

        plan: list[tuple[Any, ...]] = [(at(), "initiate") for _ in range(a_day)]
        for _ in range(2):
            begins, provider = at(), self.chance.choice(PROVIDERS)
            ends = begins + timedelta(seconds=self.chance.choice([60, 900, 7200]))
            plan += [
                (begins, "weather", provider, self.chance.choice(KNOBS)),
                (ends, "weather", provider, {}),
            ]
        plan += [(at(), "refund_some"), (at(), "decide_reviews")]
        plan.append((midnight + timedelta(seconds=86_399), "night"))
        return sorted(plan, key=lambda one: (one[0], one[1]))

    async def _work_until(self, until: datetime) -> None:
        """Everything that becomes due before, at its time and not before."""
        while self.w.now < until:
            found = await self.w.conn.execute("SELECT min(due_at) FROM core.wallet_payment")
            row = await found.fetchone()
            await self.w.conn.commit()
            due = until if row is None or row[0] is None else min(row[0], until)
            self.w.pass_time(max((due - self.w.now).total_seconds(), SHORTEST_S))
            while await self.w.round():
                pass

    async def initiate(self) -> None:
        phone = self.chance.choice(PHONES).format(self.chance.randrange(1_000_000))
        collects = self.chance.random() < 0.3
        # A payer who has to type a voucher in is another test's matter.
        more = (
            {"direction": "collect", "provider": self.chance.choice(["mtn", "airteltigo"])}
            if collects
            else {}
        )
        amount = f"{self.chance.choice([5, 80, 700, 45_000])}.{self.chance.randrange(100):02d}"
        self.ids.append(await self.w.initiate(phone, amount, user_id="u1", **more))
        if self.chance.random() < 0.05:
            await self._change(self.ids[-1], lambda p: lifecycle.cancel(p, "test", "u1", self.w.now))

    async def weather(self, provider: str, knobs: dict[str, Any]) -> None:
        self.w.world.knobs[provider] = type(self.w.world.knobs[provider])().changed(knobs)

    async def refund_some(self) -> None:
        for id in self.chance.sample(self.ids, min(3, len(self.ids))):
            await self._change(id, lambda p: lifecycle.refund(p, "operator o", "asked", self.w.now))

    async def decide_reviews(self) -> None:
        for payment in await store.list_before(self.w.conn, limit=1000, review=Review.REQUIRED):
            yes = self.chance.random() < 0.7
            await self._change(
                payment.id,
                lambda p, yes=yes: lifecycle.decide_review(
                    p, "o", yes, "seen", self.w.desk.limits, self.w.now
                ),
            )

    async def _change(self, id: str, decide: Any) -> None:
        locked = await store.lock(self.w.conn, [id])
        try:
            change: Change = decide(locked[id])
        except InvalidTransition:
            await self.w.conn.rollback()
            return
        await store.save(self.w.conn, [change])
        await ledger.post_many(self.w.conn, change.postings)
        await self.w.conn.commit()

    async def night(self) -> None:
        """Statements of the last days, the day's report."""
        for provider in PROVIDERS:
            # The night's weather does not spoil what the provider's desk sends.
            knobs, self.w.world.knobs[provider] = (
                self.w.world.knobs[provider],
                type(self.w.world.knobs[provider])(),
            )
            told = await self.w.providers[provider].statement(self.w.now - 3 * DAY, self.w.now)
            self.w.world.knobs[provider] = knobs
            lines = [
                statements.NewLine(x.provider_id, x.reference, x.effect_minor, x.fee_minor, x.currency, x.at)
                for x in told
            ]
            await statements.import_lines(self.w.conn, provider, lines)
            await statements.match(self.w.conn, provider, "GHS", self.w.now)
        await reports.make(self.w.conn, self.w.now.astimezone(UTC).date())
        await self.w.conn.commit()

    async def assert_all_is_well(self) -> None:
        paid = Counter(reference for _, reference in self.w.successes())
        assert max(paid.values()) == 1
        ours: set[str] = set()
        for id in self.ids:
            payment = await self.w.get(id)
            assert payment.open_attempt() is None, payment
            assert payment.is_final or payment.status is WalletStatus.CONFIRMED, payment
            succeeded = [a for a in payment.attempts if a.state == "succeeded"]
            assert Counter(a.purpose for a in succeeded).get("payment", 0) <= 1
            ours |= {str(a.reference) for a in succeeded}
            shown = await books.of_payment(self.w.conn, id)
            await self.w.conn.commit()
            assert shown.witness.agrees, shown.witness.problems
            self.ends[payment.status] += 1
        assert ours == set(paid)
        await self.w.assert_books_agree()
        assert (await self.w.balances()).get("wallet_clearing", 0) == 0
        assert await ageing.buckets(self.w.conn, self.w.now) == []
        assert (await integrity(self.w.conn)).ok


async def test_two_weeks_end_with_equal_books(wallets: Wallets) -> None:
    life = Life(wallets, 7)
    await life.live(days=14, a_day=3)
    await life.assert_all_is_well()
    assert len(life.ids) == 42
    assert life.ends["CONFIRMED"]


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_eight_weeks_end_with_equal_books(wallets: Wallets, seed: int) -> None:
    life = Life(wallets, seed)
    await life.live(days=56, a_day=12)
    await life.assert_all_is_well()
    print(f"seed {seed}: {len(life.ids)} payments, {dict(life.ends)}, {len(wallets.successes())} transfers")
    assert {"CONFIRMED", "FAILED", "EXPIRED", "CANCELLED", "REFUNDED"} <= life.ends.keys()
