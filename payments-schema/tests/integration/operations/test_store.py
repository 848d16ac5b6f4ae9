"""The operators' list: one payment is found by its key, however many there are."""

import pytest
from builders import a_payment, one, some_payments

from payments_schema.operations import store
from payments_schema.operations.store import Wanted

MANY = 1000
# Of this transaction alone, so that nobody else's reading counts.
ROWS_READ = """
SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
FROM pg_stat_xact_user_tables WHERE schemaname = 'core' AND relname = 'payment'
"""


@pytest.mark.parametrize("asked", ["id", "ID", "key"])
async def test_one_among_many_is_found_without_reading_the_others(conn, asked):
    made = await some_payments(conn, *[a_payment(f"key-{number}") for number in range(MANY)])
    await conn.execute("ANALYZE core.payment")
    chosen = made[MANY // 2]
    words = {"id": str(chosen.id), "ID": str(chosen.id).upper(), "key": f"key-{MANY // 2}"}
    before = await one(conn, ROWS_READ)
    page = await store.list_page(conn, Wanted(search=words[asked]))
    assert [line.id for line in page.data] == [str(chosen.id)]
    assert await one(conn, ROWS_READ) - before <= 2


async def test_a_payment_is_told_by_its_id_alone(conn):
    [made] = await some_payments(conn, a_payment("key-of-one"))
    found = await store.find(conn, str(made.id).upper())
    assert found is not None
    assert found.id == str(made.id)
    assert await store.find(conn, "key-of-one") is None
