"""Random sequences of operations, in any mix of single and batch, end with books that add up."""

import asyncio

import pytest
from builders import NOON, fetch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from payments_schema.errors import PostingRejected
from payments_schema.ledger import audit, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money
from payments_schema.wire.ledger import Phase

ACCOUNTS = [customer("a"), customer("b"), customer("c"), platform("suspense"), platform("platform_cash")]
amounts = st.one_of(st.integers(1, 1000), st.integers(1, 2**62))
moves = st.tuples(
    st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), amounts, st.sampled_from(["USD", "JPY"])
)


@st.composite
def postings(draw):
    entries = []
    for source, target, minor, currency in draw(st.lists(moves, min_size=1, max_size=3)):
        entries += [
            Entry(target, CREDIT, Money(minor, currency)),
            Entry(source, DEBIT, Money(minor, currency)),
        ]
    # Few references, so that keys repeat.
    reference = str(draw(st.integers(1, 30)))
    phase = draw(st.sampled_from([Phase.POSTED, Phase.POSTED, Phase.PENDING]))
    return Posting("random", reference, "k", tuple(draw(st.permutations(entries))), NOON, phase)


steps = st.lists(
    st.one_of(
        st.lists(postings(), min_size=1, max_size=8),
        st.tuples(
            st.sampled_from(ACCOUNTS),
            st.sampled_from(["USD", "JPY"]),
            st.one_of(st.none(), st.integers(-500, 500)),
        ),
    ),
    min_size=1,
    max_size=12,
)


class Model:
    """What the ledger should hold: the plainest bookkeeping there is."""

    def __init__(self):
        self.sums, self.minimums, self.keys = {}, {}, set()

    def available(self, account, currency, sums):
        dr, cr, pending_dr, pending_cr = sums.get((account, currency), (0, 0, 0, 0))
        sign = -1 if account.owner_kind == "platform" else 1  # the platform accounts used here are assets
        return sign * (cr - dr) - max(sign * (pending_dr - pending_cr), 0)

    def post(self, posting):
        if posting.reference in self.keys:
            return "duplicate"
        after = dict(self.sums)
        for account, direction, money in posting.entries:
            place = 2 * (posting.phase is Phase.PENDING) + (direction is CREDIT)
            counters = list(after.get((account, money.currency), (0, 0, 0, 0)))
            counters[place] += money.minor
            after[account, money.currency] = tuple(counters)
        for (account, currency), minimum in self.minimums.items():
            then = self.available(account, currency, after)
            if minimum is not None and then < minimum and then < self.available(account, currency, self.sums):
                return "rejected"
        self.sums = after
        self.keys.add(posting.reference)
        return "posted"


async def play(url, script):
    model = Model()
    async with await AsyncConnection.connect(url) as conn:
        for step in script:
            if isinstance(step, tuple):
                account, currency, minimum = step
                model.minimums[account, currency] = minimum
                await store.set_minimum(
                    conn, account, currency, None if minimum is None else Money(minimum, currency)
                )
            elif len(step) == 1:
                try:
                    outcome = (await store.post(conn, step[0])).outcome
                except PostingRejected:
                    outcome = "rejected"
                assert outcome == model.post(step[0])
            else:
                outcomes = [posted.outcome for posted in await store.post_many(conn, step)]
                assert outcomes == expected(model, step)
        held = {
            (tuple(row[:2]), row[2]): tuple(map(int, row[3:]))
            for row in await fetch(
                conn,
                """
            SELECT a.owner_kind, a.code, a.currency, b.posted_dr, b.posted_cr, b.pending_dr, b.pending_cr
            FROM ledger.balance AS b JOIN ledger.account AS a ON a.id = b.account_id
            WHERE b.version > 0""",
            )
        }
        assert held == {(tuple(account), currency): sums for (account, currency), sums in model.sums.items()}
        found = await audit.integrity(conn, audit.LEDGER_CHECKS)
        assert found.ok, [check for check in found.checks if not check.ok]
        await conn.rollback()


def expected(model, batch):
    """A repeated key inside a batch answers as its first: rejected with it, else a duplicate."""
    answers, inside = [], {}
    for posting in batch:
        if posting.reference in inside:
            first = inside[posting.reference]
            answers.append("rejected" if first == "rejected" else "duplicate")
            continue
        answers.append(model.post(posting))
        inside[posting.reference] = answers[-1]
    return answers


@given(script=steps)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_sequence_ends_with_a_zero_trial_balance(database_url, script):
    asyncio.run(play(database_url, script))


@pytest.mark.long
@given(script=steps)
@settings(
    max_examples=3000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_very_many_sequences_do(database_url, script):
    asyncio.run(play(database_url, script))
