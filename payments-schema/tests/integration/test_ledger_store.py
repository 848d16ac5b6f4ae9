"""Posting: balances, versions, keys, minimums, phases, currencies, both clocks."""

from datetime import timedelta

import psycopg
import pytest
from builders import NOON, a_posting, a_withdrawal, fetch, one, usd

from payments_schema.errors import PostingRejected
from payments_schema.ids import uuid7
from payments_schema.ledger import store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money
from payments_schema.wire.ledger import Phase

ALICE = customer("alice")
CLEARING = platform("settlement_clearing")


async def post_one(conn, posting):
    return await store.post(conn, posting)


async def post_as_batch(conn, posting):
    [posted] = await store.post_many(conn, [posting])
    if posted.outcome == "rejected":
        raise PostingRejected(f"the ledger refused: {posted.reason}")
    return posted


both_ways = pytest.mark.parametrize("post", [post_one, post_as_batch])


@both_ways
async def test_a_posting_moves_both_sides_and_counts_versions(conn, post):
    for minor in (100, 250):
        assert (await post(conn, a_posting("alice", usd(minor)))).outcome == "posted"
    assert await store.balance(conn, ALICE, "USD") == (usd(350), usd(350), usd(0), 2)
    assert await store.balance(conn, CLEARING, "USD") == (usd(350), usd(350), usd(0), 2)
    lines = await store.statement(conn, ALICE, "USD")
    assert [(line.version, line.balance_after) for line in lines] == [(2, usd(350)), (1, usd(100))]


@both_ways
async def test_a_key_posts_once(conn, post):
    posting = a_posting("alice")
    first, second = await post(conn, posting), await post(conn, posting)
    assert (first.outcome, second.outcome) == ("posted", "duplicate")
    assert second.transaction_id == first.transaction_id
    assert (await store.balance(conn, ALICE, "USD")).version == 1


async def test_a_batch_answers_each_item_in_order(conn):
    before = a_posting("alice")
    await store.post(conn, before)
    twice = a_posting("bob")
    outcomes = await store.post_many(conn, [twice, before, a_posting("alice"), twice])
    assert [o.outcome for o in outcomes] == ["posted", "duplicate", "posted", "duplicate"]
    assert outcomes[3].transaction_id == outcomes[0].transaction_id
    assert (await store.balance(conn, customer("bob"), "USD")).posted == usd(100)


async def test_a_batch_leaves_the_same_books_as_one_by_one(conn):
    """Any order of accounts, the same account twice in a posting, several currencies."""

    def some():
        eur = Money(70, "EUR")
        yield a_posting("a", usd(10))
        yield Posting(
            "capture",
            str(uuid7()),
            "k",
            (
                Entry(platform("customer_holds"), CREDIT, usd(5)),
                Entry(platform("customer_funds"), DEBIT, usd(5)),
                Entry(platform("customer_funds"), DEBIT, usd(7)),
                Entry(customer("a"), CREDIT, usd(7)),
            ),
            NOON,
        )
        yield Posting(
            "fx",
            str(uuid7()),
            "k",
            (
                Entry(customer("a"), DEBIT, usd(3)),
                Entry(platform("suspense"), CREDIT, usd(3)),
                Entry(customer("a"), CREDIT, eur),
                Entry(platform("suspense"), DEBIT, eur),
            ),
            NOON,
        )
        yield a_withdrawal("a", usd(4))

    async def books():
        return await fetch(
            conn,
            """
            SELECT a.code, a.currency, e.version, e.direction, e.amount_minor, e.balance_after, e.leg
            FROM ledger.entry AS e JOIN ledger.account AS a ON a.id = e.account_id ORDER BY 1, 2, 3""",
        )

    assert {o.outcome for o in await store.post_many(conn, list(some()))} == {"posted"}
    batched = await books()
    await conn.rollback()
    for posting in some():
        await store.post(conn, posting)
    assert await books() == batched


@both_ways
async def test_a_minimum_refuses_what_would_break_it_and_leaves_no_trace(conn, post):
    await store.post(conn, a_posting("alice", usd(100)))
    await store.set_minimum(conn, ALICE, "USD", usd(0))
    before = await fetch(conn, "SELECT * FROM ledger.balance ORDER BY account_id")
    with pytest.raises(PostingRejected, match="alice would fall to -1, below its minimum of 0"):
        await post(conn, a_withdrawal("alice", usd(101)))
    assert await fetch(conn, "SELECT * FROM ledger.balance ORDER BY account_id") == before or (
        [row for row in await fetch(conn, "SELECT * FROM ledger.balance ORDER BY account_id") if row[1]]
        == [row for row in before if row[1]]
    )
    assert (await post(conn, a_withdrawal("alice", usd(100)))).outcome == "posted"


async def test_an_item_that_breaks_a_minimum_is_rejected_alone(conn):
    await store.post(conn, a_posting("alice", usd(100)))
    await store.set_minimum(conn, ALICE, "USD", usd(0))
    outcomes = await store.post_many(
        conn,
        [
            a_withdrawal("alice", usd(60)),
            a_withdrawal("alice", usd(60)),
            a_withdrawal("alice", usd(40)),
            a_withdrawal("alice", usd(1)),
            a_posting("alice", usd(5)),
            a_withdrawal("alice", usd(5)),
            a_posting("bob"),
        ],
    )
    assert [o.outcome for o in outcomes] == [
        "posted",
        "rejected",
        "posted",
        "rejected",
        "posted",
        "posted",
        "posted",
    ]
    assert (await store.balance(conn, ALICE, "USD")).posted == usd(0)


@both_ways
async def test_an_account_below_its_minimum_may_rise(conn, post):
    await store.set_minimum(conn, ALICE, "USD", usd(1000))
    assert (await post(conn, a_posting("alice", usd(10)))).outcome == "posted"
    with pytest.raises(PostingRejected):
        await post(conn, a_withdrawal("alice", usd(1)))
    await store.set_minimum(conn, ALICE, "USD", None)
    assert (await post(conn, a_withdrawal("alice", usd(500)))).outcome == "posted"


@both_ways
async def test_a_hold_takes_from_what_is_available_and_not_from_what_is_posted(conn, post):
    await store.post(conn, a_posting("alice", usd(100)))
    await store.set_minimum(conn, ALICE, "USD", usd(0))

    def hold(minor, side, other):
        return Posting(
            "hold",
            str(uuid7()),
            "k",
            (Entry(ALICE, side, usd(minor)), Entry(platform("suspense"), other, usd(minor))),
            NOON,
            Phase.PENDING,
        )

    await post(conn, hold(70, DEBIT, CREDIT))
    assert await store.balance(conn, ALICE, "USD") == (usd(100), usd(30), usd(-70), 2)
    with pytest.raises(PostingRejected):
        await post(conn, hold(31, DEBIT, CREDIT))
    with pytest.raises(PostingRejected):
        await post(conn, a_withdrawal("alice", usd(31)))
    await post(conn, hold(70, CREDIT, DEBIT))
    assert (await store.balance(conn, ALICE, "USD")).available == usd(100)


async def test_the_database_refuses_an_unbalanced_posting_too(conn):
    with pytest.raises(psycopg.errors.CheckViolation, match="unbalanced"):
        await conn.execute(
            "SELECT ledger.post('r', 'k', 'x', 'posted', now(), NULL, '{customer,platform}', "
            "'{a,suspense}', '{USD,USD}', '{credit,debit}', '{5,4}')"
        )
    await conn.rollback()
    for legs in (
        "'{1,1}', '{customer,platform}', '{a,suspense}', '{USD,EUR}', '{credit,debit}', '{5,5}'",
        "'{1,1}', '{customer,platform}', '{a,suspense}', '{USD,USD}', '{credit,debit}', '{-5,-5}'",
        "'{}', '{}', '{}', '{}', '{}', '{}'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            await conn.execute(
                "SELECT * FROM ledger.post_many('{r}', '{k}', '{x}', '{posted}', '{now}', '{NULL}', "
                + legs
                + ")"
            )
        await conn.rollback()


async def test_an_account_outside_the_chart_is_refused(conn):
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="chart"):
        await store.ensure_accounts(conn, [(platform("slush_fund"), "USD")])
    await conn.rollback()
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="chart"):
        await store.ensure_accounts(conn, [(customer("a"), "XYZ")])


async def test_a_transaction_shows_its_entries_in_order(conn):
    posting = a_posting("alice", usd(25000))
    posted = await store.post(conn, posting)
    [shown] = await store.transactions(conn, posting.reference)
    assert shown.id == f"txn_{posted.transaction_id:016d}"
    assert [(e.account, e.amount, e.balance_after) for e in shown.entries] == [
        ("alice", "250.00", "250.00"),
        ("settlement_clearing", "250.00", "250.00"),
    ]


async def test_both_clocks_are_kept(conn):
    await store.post(conn, a_posting("alice", usd(100)))
    assert await store.balance_as_of(conn, ALICE, "USD", NOON, recorded=False) == usd(100)
    assert await store.balance_as_of(conn, ALICE, "USD", NOON - timedelta(seconds=1), recorded=False) == usd(
        0
    )
    recorded_at = await one(conn, "SELECT recorded_at FROM ledger.transaction")
    assert await store.balance_as_of(conn, ALICE, "USD", recorded_at, recorded=True) == usd(100)
    assert await store.balance_as_of(
        conn, ALICE, "USD", recorded_at - timedelta(seconds=1), recorded=True
    ) == usd(0)


async def test_a_transaction_is_reversed_once(conn):
    first = await store.post(conn, a_posting("alice"))
    reversal = a_withdrawal("alice", usd(100))
    from dataclasses import replace

    assert (await store.post(conn, replace(reversal, reverses=first.transaction_id))).outcome == "posted"
    with pytest.raises(psycopg.errors.UniqueViolation):
        await store.post(conn, replace(a_withdrawal("alice", usd(100)), reverses=first.transaction_id))


async def test_an_empty_batch_does_nothing(conn):
    assert await store.post_many(conn, []) == []
