"""Random lives of many card payments against real Postgres, compared step by step with a naive oracle.

Batches are flushed as the API flushes them; some requests of a batch meet the same payment, some repeat an
earlier key, and every move is previewed first. Must not touch HTTP.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from payments_schema.cards import books, store
from payments_schema.cards.movements import chart_code
from payments_schema.cards.oracle import Oracle
from payments_schema.errors import InvalidAmount, InvalidTransition, PaymentsError
from payments_schema.ledger.audit import integrity
from payments_schema.wire.cards import AuthorizeCard, CaptureCard, NothingAsked, RefundCard
from psycopg import AsyncConnection

from payments_api.cards import operations
from payments_api.cards.operations import Answer, Asked, Terms

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
AMOUNTS = st.none() | st.integers(1, 60) | st.integers(1, 2000)


class Move(NamedTuple):
    """What a step asks of which payment (by its place in the list of all)."""

    action: str
    place: int
    amount: int | None


MOVES = st.builds(
    Move,
    st.sampled_from(["capture", "capture", "void", "settle", "refund", "refund"]),
    st.integers(0, 2),
    AMOUNTS,
)
CURRENCIES = st.sampled_from(["USD", "JPY", "BHD", "GHS", "CLF"])


class CardLives(RuleBasedStateMachine):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.conn: AsyncConnection[Any] = self.runner.run(AsyncConnection.connect(url, autocommit=True))
        self.now = START
        self.payments: list[tuple[str, Oracle, str]] = []
        self.requests: list[tuple[Asked, Answer]] = []
        self.name, self.keys = uuid4().hex, 0

    def teardown(self) -> None:
        report = self.runner.run(integrity(self.conn))
        self.runner.run(self.conn.close())
        self.runner.close()
        assert report.ok, report

    def flush(self, *asked: Asked) -> list[Answer | PaymentsError]:
        return list(self.runner.run(operations.flush(self.conn, asked, self.terms)))

    def fresh_key(self) -> str:
        self.keys += 1
        return f"{self.name}-{self.keys}"

    @property
    def terms(self) -> Terms:
        return Terms(self.fee_bps, WEEK, clock=lambda: self.now)

    @initialize(
        bps=st.sampled_from([0, 1, 300, 3333, 10_000]),
        wanted=st.lists(st.tuples(st.integers(1, 2000), CURRENCIES, st.booleans()), min_size=3, max_size=3),
    )
    def authorize(self, bps: int, wanted: list[tuple[int, str, bool]]) -> None:
        self.fee_bps = bps
        asked = [
            Asked(
                "c",
                operations.AUTHORIZE,
                AuthorizeCard(amount=amount, currency=currency, account_id="ACC-1" if is_known else None),
                key=self.fresh_key(),
            )
            for amount, currency, is_known in wanted
        ]
        for request, answer, (amount, currency, _) in zip(asked, self.flush(*asked), wanted, strict=True):
            assert isinstance(answer, Answer) and answer.status == 201
            self.payments.append((answer.payment["id"], Oracle(amount, self.fee_bps), currency))
            self.requests.append((request, answer))

    def asked_for(self, move: Move) -> Asked:
        bodies = {
            "capture": (operations.CAPTURE, CaptureCard(amount=move.amount)),
            "refund": (operations.REFUND, RefundCard(amount=move.amount)),
            "void": (operations.VOID, NothingAsked()),
            "settle": (operations.SETTLE, NothingAsked()),
        }
        route, body = bodies[move.action]
        return Asked("c", route, body, self.payments[move.place][0], self.fresh_key())

    def told(self, move: Move) -> str:
        oracle = self.payments[move.place][1]
        act = getattr(oracle, move.action)
        return act(move.amount) if move.action in ("capture", "refund") else act()

    @rule(moves=st.lists(MOVES, min_size=1, max_size=4))
    def move(self, moves: list[Move]) -> None:
        asked = [self.asked_for(move) for move in moves]
        answers = self.flush(*asked)
        for request, answer, move in zip(asked, answers, moves, strict=True):
            told = self.told(move)
            assert outcome(answer) == told
            if isinstance(answer, Answer):
                self.requests.append((request, answer))
            elif told == "conflict":
                assert answer.status == 409
        last = {move.place: answer for move, answer in zip(moves, answers, strict=True)}
        for place, answer in last.items():
            if isinstance(answer, InvalidTransition):
                assert answer.extra["allowed_actions"] == self.payments[place][1].actions()

    @rule(move=MOVES)
    def preview_then_do(self, move: Move) -> None:
        asked = self.asked_for(move)
        try:
            shown = self.runner.run(operations.preview(self.conn, asked, self.terms))
        except PaymentsError as refusal:
            assert outcome(refusal) == self.told(move)
            return
        before = self.runner.run(books.entries(self.conn, asked.payment_id or ""))
        (answer,) = self.flush(asked)
        assert outcome(answer) == self.told(move) == "done"
        after = self.runner.run(books.entries(self.conn, asked.payment_id or ""))
        assert [(e.account, e.direction, e.amount_minor, e.currency) for e in after[len(before) :]] == [
            (chart_code(*entry.account), entry.direction, entry.amount.minor, entry.amount.currency)
            for posting in shown
            for entry in posting.entries
        ]
        if isinstance(answer, Answer):
            self.requests.append((asked, answer))

    @rule(place=st.integers(0, 200))
    def repeat(self, place: int) -> None:
        asked, answer = self.requests[place % len(self.requests)]
        twice = self.flush(asked, asked)
        assert twice == [answer._replace(is_replay=True)] * 2

    @rule()
    def time_passes(self) -> None:
        if self.now == START:
            self.now = START + WEEK
            looks = [
                Asked("c", operations.TOUCH, NothingAsked(), payment_id) for payment_id, _, _ in self.payments
            ]
            for answer, (_, oracle, _) in zip(self.flush(*looks), self.payments, strict=True):
                oracle.lapse()
                assert isinstance(answer, Answer) and answer.payment["status"] == oracle.status

    @invariant()
    def the_database_says_what_the_oracle_says(self) -> None:
        for payment_id, oracle, currency in self.payments:
            row = self.runner.run(store.get(self.conn, payment_id))
            assert (row.status, row.held_minor, row.currency) == (oracle.status, oracle.hold, currency)
            assert (row.captured_minor, row.fee_minor) == (oracle.captured, oracle.fee)
            assert (row.refunded_minor, row.fee_refunded_minor) == (oracle.refunded, oracle.fee_returned)
            assert [one.amount_minor for one in row.captures] == oracle.captures
            booked = self.runner.run(books.entries(self.conn, payment_id))
            assert books.disagreements(books.testimony(booked), row) == []
            net: Counter[str] = Counter()
            for entry in booked:
                net[entry.account] += (
                    entry.amount_minor if entry.direction == "debit" else -entry.amount_minor
                )
            assert {account: amount for account, amount in net.items() if amount} == oracle.balances()
            parts = self.runner.run(store.refund_parts(self.conn, payment_id))
            assert [
                sum(part.merchant_minor + part.fee_minor for part in parts[number])
                for number in sorted(parts)
            ] == oracle.refunds


def outcome(answer: object) -> str:
    """The oracle's word for an answer."""
    if isinstance(answer, Answer):
        return "done"
    return "too_large" if isinstance(answer, InvalidAmount) else "conflict"


def test_random_lives(database_url: str) -> None:
    run_state_machine_as_test(
        lambda: CardLives(database_url),
        settings=settings(
            max_examples=30,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    with psycopg.connect(database_url) as conn:
        row = conn.execute(
            "SELECT count(*) FILTER (WHERE direction = 'debit'), count(*) FROM ledger.entry"
        ).fetchone()
        assert row is not None and row[1] > 100
