"""The operators' list: one payment is found by its key, however many there are."""

import pytest
from builders import a_payment, one, some_payments
from psycopg import AsyncConnection

from payments_schema.operations import store
from payments_schema.operations.store import Wanted
from payments_schema.wire.operations import Order

MANY = 1000
# The planner looks up the first and the last id itself, to judge a span of them.
PLANNED = 4
# Of this transaction alone, so that nobody else's reading counts.
ROWS_READ = """
SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
FROM pg_stat_xact_user_tables WHERE schemaname = 'core' AND relname = 'payment'
"""


async def _many(conn, owner_url):
    """So many payments, and a planner that knows of them: only their owner may tell it."""
    made = await some_payments(conn, *[a_payment(f"key-{number}") for number in range(MANY)])
    async with await AsyncConnection.connect(owner_url, autocommit=True) as owner:
        await owner.execute("ANALYZE core.payment")
    return made


@pytest.mark.parametrize("asked", ["id", "ID", "key"])
async def test_one_among_many_is_found_without_reading_the_others(conn, owner_url, asked):
    made = await _many(conn, owner_url)
    chosen = made[MANY // 2]
    words = {"id": str(chosen.id), "ID": str(chosen.id).upper(), "key": f"key-{MANY // 2}"}
    before = await one(conn, ROWS_READ)
    page = await store.list_page(conn, Wanted(search=words[asked]))
    assert [line.id for line in page.data] == [str(chosen.id)]
    assert await one(conn, ROWS_READ) - before <= 1 + PLANNED


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
async def test_a_page_reads_its_own_rows_and_one_more(conn, owner_url, order):
    made = [str(payment.id) for payment in await _many(conn, owner_url)]
    listed = sorted(made, reverse=order is Order.NEWEST)
    cursor = None
    for turn in range(2):
        before = await one(conn, ROWS_READ)
        page = await store.list_page(conn, Wanted(order=order, cursor=cursor))
        assert [line.id for line in page.data] == listed[turn * 50 : turn * 50 + 50]
        assert await one(conn, ROWS_READ) - before <= 51 + PLANNED
        cursor = page.next_cursor


async def test_a_payment_is_told_by_its_id_alone(conn):
    [made] = await some_payments(conn, a_payment("key-of-one"))
    found = await store.find(conn, str(made.id).upper())
    assert found is not None
    assert found.id == str(made.id)
    assert await store.find(conn, "key-of-one") is None
