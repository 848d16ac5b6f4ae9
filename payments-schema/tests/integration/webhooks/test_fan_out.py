"""Subscriptions are told everything, in the order of the list, whatever its numbers are."""

from __future__ import annotations

import psycopg
from psycopg import AsyncConnection

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.testing import url_of
from payments_schema.webhooks import store
from payments_schema.wire.webhooks import CreateSubscription


async def told(conn: AsyncConnection) -> list[str]:
    found = await conn.execute("SELECT subject FROM core.webhook_delivery ORDER BY id")
    return [row[0] for row in await found.fetchall()]


async def test_a_page_that_ends_between_two_lengths_of_transaction_numbers_loses_nothing(
    pool: Pool, server_url: str, database_name: str
) -> None:
    async with unit_of_work(pool) as conn:
        subscription = await store.create(conn, CreateSubscription(url="https://example.com", types=[]))
        for subject in ("ten", "nine", "eleven"):
            await events.record(conn, NewEvent("test.happened", subject, {}))
    with psycopg.connect(url_of(server_url, database_name)) as mighty:
        for subject, transaction in (("nine", "9"), ("ten", "10"), ("eleven", "11")):
            mighty.execute(
                "UPDATE core.event SET transaction = %s::xid8 WHERE subject = %s", [transaction, subject]
            )
        mighty.execute("UPDATE core.webhook_subscription SET seen_transaction = '3', seen_id = 0")
    for count in (1, 2, 3):
        async with unit_of_work(pool) as conn:
            assert await store.fan_out(conn, 1) == 1
            assert await told(conn) == ["nine", "ten", "eleven"][:count]
    async with unit_of_work(pool) as conn:
        assert await store.fan_out(conn, 1) == 0
        page = await store.list_deliveries(conn, subscription.id, limit=10, before=None, status=None)
    assert [delivery.subject for delivery in page.data] == ["eleven", "ten", "nine"]


async def test_what_is_new_is_found_by_the_index_and_not_sorted(pool: Pool) -> None:
    """A subscription that is far behind would else sort everything since, for each thousand anew."""
    async with pool.connection() as conn:
        await conn.execute("SET enable_sort = off")
        await conn.execute("SET enable_seqscan = off")
        found = await conn.execute("EXPLAIN " + store.NEWS_OF, ["3", 0, 1000])
        plan = "\n".join(row[0] for row in await found.fetchall())
    assert "event_in_order" in plan
    assert "Sort" not in plan
