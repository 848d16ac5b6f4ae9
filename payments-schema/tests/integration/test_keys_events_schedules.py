"""The stores around the hot path: idempotency keys, events, schedule slots."""

from datetime import UTC, datetime, timedelta

import pytest
from builders import NOON, a_payment, one, some_payments
from psycopg import AsyncConnection

from payments_schema.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.idempotency import store as keys
from payments_schema.idempotency.store import Fresh, Stored
from payments_schema.schedules import store as schedules
from payments_schema.testing import settled

ROUTE, BODY = "POST /authorize", {"amount": 100, "currency": "USD"}


async def test_a_key_is_fresh_then_answers_what_was_stored(conn):
    assert await keys.claim(conn, "c", "k", ROUTE, BODY) == Fresh()
    await keys.save(conn, "c", "k", ROUTE, BODY, status=201, response={"id": "pay_1"}, resource_id="pay_1")
    await conn.commit()
    assert await keys.claim(conn, "c", "k", ROUTE, BODY) == Stored(201, {"id": "pay_1"}, "pay_1")
    assert await keys.claim(conn, "other", "k", ROUTE, BODY) == Fresh()


async def test_another_body_or_route_is_told_apart(conn):
    await keys.save(conn, "c", "k", ROUTE, BODY, status=201, response={})
    with pytest.raises(IdempotencyKeyReused) as refused:
        await keys.claim(conn, "c", "k", ROUTE, {"amount": 101, "note": "x", "currency": "USD"})
    assert refused.value.extra["differs"] == ["amount", "note"]
    with pytest.raises(IdempotencyKeyReused) as refused:
        await keys.claim(conn, "c", "k", "POST /void", BODY)
    assert refused.value.extra["differs"] == ["route"]


async def test_a_key_in_flight_is_said_so_and_free_after_a_rollback(conn, database_url):
    await keys.claim(conn, "c", "k", ROUTE, BODY)
    async with await AsyncConnection.connect(database_url) as other:
        with pytest.raises(IdempotencyKeyInFlight):
            await keys.claim(other, "c", "k", ROUTE, BODY)
        await conn.rollback()
        assert await keys.claim(other, "c", "k", ROUTE, BODY) == Fresh()


async def test_a_key_of_the_hot_path_belongs_to_its_route(conn):
    await some_payments(conn, a_payment("k"))
    with pytest.raises(IdempotencyKeyReused):
        await keys.claim(conn, "client", "k", ROUTE, BODY)
    with pytest.raises(IdempotencyKeyInFlight):
        await keys.save(conn, "client", "k", ROUTE, BODY, status=201, response={})


async def test_keys_are_forgotten_after_their_time_and_not_before(conn):
    await keys.save(conn, "c", "new", ROUTE, BODY, status=201, response={})
    await conn.execute(
        "INSERT INTO core.idempotency_key (client, key, route, created_at) "
        "VALUES ('c', 'old', 'r', now() - interval '8 days')"
    )
    assert await keys.purge(conn) == 1
    assert await one(conn, "SELECT key FROM core.idempotency_key") == "new"
    with pytest.raises(ValueError):
        await keys.purge(conn, older_than_h=23)


async def test_events_are_read_in_order_and_pages_go_on(conn):
    await events.record_many(conn, [NewEvent(f"t.{n}", "s", {"n": n}) for n in range(5)])
    await conn.commit()

    await settled(conn)
    first = await events.list_page(conn, limit=3)
    rest = await events.list_page(conn, limit=3, cursor=first.next_cursor)
    assert [e.data["n"] for e in first.data + rest.data] == [0, 1, 2, 3, 4]
    assert (first.has_more, rest.has_more) == (True, False)
    assert [e.type for e in (await events.list_page(conn, type="t.3")).data] == ["t.3"]
    assert await events.record_many(conn, []) == []


async def test_no_event_is_passed_over_while_an_earlier_one_is_uncommitted(conn, database_url):
    async with await AsyncConnection.connect(database_url) as slow:
        await events.record(slow, NewEvent("slow", "s", {}))
        await events.record(conn, NewEvent("quick", "s", {}))
        await conn.commit()
        assert (await events.list_page(conn)).data == []
        await conn.commit()
        await slow.commit()

    await settled(conn)
    assert [e.type for e in (await events.list_page(conn)).data] == ["slow", "quick"]


async def test_a_slot_is_claimed_once_and_never_backwards(conn, database_url):
    assert await schedules.claim_slot(conn, "sweep", NOON, "w1")
    await conn.commit()
    async with await AsyncConnection.connect(database_url) as other:
        assert not await schedules.claim_slot(other, "sweep", NOON, "w2")
        assert not await schedules.claim_slot(other, "sweep", NOON - timedelta(minutes=1), "w2")
        assert await schedules.claim_slot(other, "sweep", NOON + timedelta(minutes=1), "w2")
        assert await schedules.claim_slot(other, "expiry", datetime(2020, 1, 1, tzinfo=UTC), "w2")
