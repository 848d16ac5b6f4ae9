"""Random lives of card payments against a naive second telling. Pure; must not touch a database."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from payments_schema.cards import lifecycle, movements, witness
from payments_schema.cards.lifecycle import TRANSITIONS, CardPayment, Change
from payments_schema.cards.oracle import Oracle
from payments_schema.errors import InvalidAmount, InvalidTransition
from payments_schema.ledger.posting import Posting
from payments_schema.money import CURRENCIES
from payments_schema.wire.ledger import Direction

START = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNTS = st.none() | st.integers(1, 60) | st.integers(1, 99_999_999)


class CardLife(RuleBasedStateMachine):
    payment: CardPayment
    oracle: Oracle
    postings: list[Posting]
    now: datetime

    @initialize(
        amount=st.integers(1, 200) | st.integers(1, 99_999_999),
        bps=st.sampled_from([0, 1, 290, 300, 3333, 10_000]),
        currency=st.sampled_from(sorted(CURRENCIES)),
        account_id=st.none() | st.just("ACC-1"),
    )
    def authorize(self, amount: int, bps: int, currency: str, account_id: str | None) -> None:
        self.now = START
        self.oracle = Oracle(amount, bps)
        self.postings = []
        change = lifecycle.authorize(
            id="pay_1",
            client="c",
            account_id=account_id,
            currency=currency,
            amount_minor=amount,
            fee_bps=bps,
            description=None,
            metadata={},
            now=START,
            hold_for=timedelta(days=7),
        )
        self.payment = change.payment
        self._take(change)

    def _take(self, change: Change) -> str:
        self.postings.append(movements.of(change))
        self.payment = change.payment
        return "done"

    def _compare(self, told: str, act: str, *arguments: object) -> None:
        before = self.payment
        try:
            done = self._take(getattr(lifecycle, act)(self.payment, *arguments, self.now))
        except InvalidTransition:
            done = "conflict"
        except InvalidAmount:
            done = "too_large"
        assert done == told
        if done == "done":
            assert self.payment.status in TRANSITIONS[before.status]

    @rule(amount=AMOUNTS)
    def capture(self, amount: int | None) -> None:
        self._compare(self.oracle.capture(amount), "capture", amount)

    @rule()
    def void(self) -> None:
        self._compare(self.oracle.void(), "void")

    @rule()
    def settle(self) -> None:
        self._compare(self.oracle.settle(), "settle")

    @rule(amount=AMOUNTS)
    def refund(self, amount: int | None) -> None:
        self._compare(self.oracle.refund(amount), "refund", amount, None)

    @precondition(lambda self: self.now == START)
    @rule()
    def time_passes(self) -> None:
        self.now = START + timedelta(days=7)
        self.oracle.lapse()
        change = lifecycle.lapse(self.payment, self.now)
        if change:
            self._take(change)

    @invariant()
    def both_tell_the_same(self) -> None:
        mine, told = self.payment, self.oracle
        assert mine.status == told.status
        assert (mine.held_minor, mine.captured_minor, mine.fee_minor) == (told.hold, told.captured, told.fee)
        assert (mine.refunded_minor, mine.fee_refunded_minor) == (told.refunded, told.fee_returned)
        assert (mine.settled_minor, mine.owed_minor) == (told.paid, told.owed)
        assert list(lifecycle.allowed_actions(mine)) == told.actions()

    @invariant()
    def provenance_adds_up(self) -> None:
        taken = self.payment.captures
        assert [one.amount_minor for one in taken] == self.oracle.captures
        assert sum(one.fee_minor for one in taken) == self.payment.fee_minor
        assert sum(one.fee_returned_minor for one in taken) == self.payment.fee_refunded_minor
        merchant = self.payment.refunded_minor - self.payment.fee_refunded_minor
        assert sum(one.merchant_returned_minor for one in taken) == merchant
        assert all(one.merchant_left_minor >= 0 and one.fee_left_minor >= 0 for one in taken)

    @invariant()
    def accounts_hold_what_the_oracle_says(self) -> None:
        net: Counter[str] = Counter()
        for posting in self.postings:
            for account, direction, amount in posting.entries:
                code = movements.chart_code(account.owner_kind, account.code)
                net[code] += amount.minor if direction is Direction.DEBIT else -amount.minor
        assert {code: amount for code, amount in net.items() if amount} == self.oracle.balances()
        assert len({posting.key for posting in self.postings}) == len(self.postings)

    @invariant()
    def the_entries_alone_tell_the_same(self) -> None:
        seen = witness.testify([step_of(posting) for posting in self.postings])
        mine = self.payment
        assert seen == witness.Testimony(
            mine.status,
            mine.authorized_minor,
            mine.captured_minor,
            mine.fee_minor,
            mine.refunded_minor,
            mine.fee_refunded_minor,
            mine.held_minor,
            mine.settled_minor,
        )


def step_of(posting: Posting) -> witness.Step:
    lines = [
        witness.Line(
            movements.chart_code(e.account.owner_kind, e.account.code),
            e.direction,
            e.amount.minor,
            e.amount.currency,
        )
        for e in posting.entries
    ]
    return witness.Step(posting.kind, posting.key, lines)


TestCardLife = CardLife.TestCase
TestCardLife.settings = settings(max_examples=150, stateful_step_count=14, deadline=None)
