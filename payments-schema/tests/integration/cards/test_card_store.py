"""Card payments come back as they were saved, are found by indexes, and cannot be written wrongly."""

from __future__ import annotations

import psycopg
import pytest
from builders import fetch
from card_lives import LIVES, a_card, captured, life, refunded, write
from psycopg import errors as pg

from payments_schema import ids
from payments_schema.cards import books, store
from payments_schema.errors import PaymentNotFound


async def test_a_payment_comes_back_as_it_was_saved(conn):
    for steps in LIVES.values():
        payment = await write(conn, *life(*steps, description='"{}\\', metadata={"a": [1], "ü": '"'}))
        assert await store.get(conn, payment.id) == payment
        assert (await store.lock(conn, [payment.id]))[payment.id] == payment
        await conn.rollback()


async def test_the_parts_of_refunds_are_kept(conn):
    payment = await write(conn, *life(captured(600), captured(), refunded(100), refunded(50)))
    parts = await store.refund_parts(conn, payment.id)
    assert {number: sum(p.merchant_minor + p.fee_minor for p in of) for number, of in parts.items()} == {
        1: 100,
        2: 50,
    }


async def test_what_is_not_there(conn):
    assert await store.lock(conn, ["pay_x"]) == {}
    assert await store.lock(conn, []) == {}
    with pytest.raises(PaymentNotFound):
        await store.get(conn, "pay_x")
    mine = await write(conn, a_card(client="me"))
    with pytest.raises(PaymentNotFound):
        await store.get(conn, mine.id, "you")


async def test_lists_are_newest_first_and_filtered(conn):
    made = [await write(conn, *life(*LIVES[name], client=f"c{n % 2}")) for n, name in enumerate(LIVES)]
    newest_first = [payment.id for payment in reversed(made)]

    async def listed(**wanted):
        asked = {"limit": 100, "before": None, "status": None, "client": None} | wanted
        return [payment.id for payment in await store.list_before(conn, **asked)]

    assert await listed() == newest_first
    assert await listed(limit=3) == newest_first[:3]
    assert await listed(before=newest_first[2]) == newest_first[3:]
    assert await listed(client="c0") == [p.id for p in reversed(made) if p.client == "c0"]
    assert await listed(status="captured") == [p.id for p in reversed(made) if p.status == "captured"]


async def test_lists_and_sweeps_read_by_indexes_however_long_the_table(conn, owner_url):
    async with await psycopg.AsyncConnection.connect(owner_url) as owner:
        await owner.execute(
            """
            INSERT INTO core.card_payment (
                id, client, currency, status, authorized_minor, released_minor, fee_bps,
                created_at, updated_at, expires_at)
            SELECT 'pay_' || lpad(n::text, 26, '0'), 'c' || n % 50, 'USD',
                CASE WHEN n % 100 = 0 THEN 'authorized' ELSE 'voided' END, 5,
                CASE WHEN n % 100 = 0 THEN 0 ELSE 5 END, 300, now(), now(), now()
            FROM generate_series(1, 20000) AS n
            """
        )
        await owner.execute("ANALYZE core.card_payment")
    for condition, order in [
        ("true", "id DESC"),
        ("id < 'pay_00000000000000000000000900'", "id DESC"),
        ("status = 'authorized'", "id DESC"),
        ("client = 'c7'", "id DESC"),
        ("captured_minor + released_minor < authorized_minor AND expires_at <= now()", "expires_at"),
    ]:
        plan = await fetch(
            conn, f"EXPLAIN SELECT * FROM core.card_payment WHERE {condition} ORDER BY {order} LIMIT 21"
        )
        text = "\n".join(line for (line,) in plan)
        assert "Index Scan" in text, text
        assert "Sort" not in text, text


IMPOSSIBLE = (
    "UPDATE core.card_payment SET captured_minor = 1001, status = 'captured'",
    "UPDATE core.card_payment SET captured_minor = 500, fee_minor = 16, status = 'captured'",
    "UPDATE core.card_payment SET refunded_minor = 1",
    "UPDATE core.card_payment SET status = 'captured'",
    "UPDATE core.card_payment SET status = 'settled'",
    "UPDATE core.card_payment SET status = 'refunded'",
    "UPDATE core.card_payment SET status = 'voided'",
    "UPDATE core.card_payment SET status = 'paid'",
    "UPDATE core.card_payment SET released_minor = -1",
    "UPDATE core.card_payment SET settled_minor = 1",
)
FORBIDDEN = (
    "DELETE FROM core.card_payment",
    "TRUNCATE core.card_payment",
    "UPDATE core.card_payment SET authorized_minor = 2000",
    "UPDATE core.card_payment SET currency = 'JPY'",
    "UPDATE core.card_payment SET fee_bps = 0",
    "UPDATE core.card_capture SET amount_minor = 1",
    "DELETE FROM core.card_capture",
    "UPDATE core.card_refund SET merchant_minor = 1",
    "DELETE FROM core.card_refund_part",
)


async def test_sums_that_cannot_be_are_refused_again_by_the_database(conn):
    await write(conn, a_card())
    for statement in IMPOSSIBLE:
        with pytest.raises(pg.CheckViolation):
            await conn.execute(statement)
        await conn.rollback()


async def test_the_application_may_not_rewrite_history(conn):
    await write(conn, *life(captured(), refunded(100)))
    for statement in FORBIDDEN:
        with pytest.raises(pg.InsufficientPrivilege):
            await conn.execute(statement)
        await conn.rollback()


async def test_a_payments_ledger_and_balances(conn):
    payment = await write(conn, *life(captured(600), refunded(100), account_id="ACC-1", currency="BHD"))
    await conn.rollback()
    shown = await books.of_payment(conn, payment.id)
    assert [one.step for one in shown.transactions] == ["authorize", "capture-1", "refund-1"]
    assert shown.witness.agrees, shown.witness.problems
    await conn.rollback()
    balances = await books.balance_of(conn, "ACC-1")
    assert {(one.account, one.balance) for one in balances.balances} == {
        ("customer_funds", 500),
        ("customer_holds", 0),
    }
    number = shown.transactions[0].entries[0].account_id
    assert ids.parse_sequence_id("acc", number)
    assert [one.owner for one in (await books.balance_of(conn, number)).balances] == ["ACC-1"]
