"""Payments: created once whatever comes twice, listed newest first."""

import json

import pytest
from builders import a_payment, fetch, one, reconcile_all, some_payments, usd

from payments_schema.errors import InvalidCursor, PaymentNotFound
from payments_schema.ids import uuid7
from payments_schema.money import Money
from payments_schema.payments import store
from payments_schema.wire.payments import PaymentStatus


async def test_a_payment_comes_with_its_key_job_message_and_event(conn):
    first, second = await some_payments(conn, a_payment("a"), a_payment("b"))
    assert await one(conn, "SELECT count(*) FROM core.idempotency_key") == 2
    jobs = await fetch(conn, "SELECT id, payment_id, status, message_id FROM core.recon_job ORDER BY id")
    assert {row[1] for row in jobs} == {first.id, second.id}
    [(message_id, message)] = await fetch(conn, "SELECT message_id, message FROM dramatiq.queue")
    assert message["args"] == [[row[0] for row in jobs]]
    assert {row[3] for row in jobs} == {message_id}
    assert message["message_id"] == str(message_id)
    assert set(message) == {
        "queue_name",
        "actor_name",
        "args",
        "kwargs",
        "options",
        "message_id",
        "message_timestamp",
    }
    assert await fetch(conn, "SELECT type, subject FROM core.event ORDER BY id") == [
        ("payment.created", str(first.id)),
        ("payment.created", str(second.id)),
    ]


async def test_a_batch_notifies_once_with_the_message_id(conn, database_url):
    from psycopg import AsyncConnection

    async with await AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute('LISTEN "dramatiq.reconciliation.enqueue"')
        await some_payments(conn, *[a_payment() for _ in range(20)])
        notes = [note async for note in listener.notifies(timeout=60, stop_after=1)]
        assert [json.loads(n.payload) for n in notes] == [
            {"message_id": str(await one(conn, "SELECT message_id FROM dramatiq.queue"))}
        ]
        assert [n async for n in listener.notifies(timeout=0.05)] == []


async def test_a_replay_answers_as_the_first_time_whatever_happened_since(conn):
    [first] = await some_payments(conn, a_payment("k", description="rent"))
    await reconcile_all(conn)
    [again] = await store.create_many(conn, "client", [a_payment("k", description="rent")])
    assert again == ("replayed", first, ())
    assert again.payment.status == "pending"
    assert await one(conn, "SELECT count(*) FROM core.payment") == 1


async def test_another_request_under_the_same_key_is_told_what_differs(conn):
    await some_payments(conn, a_payment("k"))
    for other, differs in [
        (a_payment("k", "ACC-2"), ("accountId",)),
        (a_payment("k", amount=usd(1)), ("amount",)),
        (a_payment("k", amount=Money(25000, "EUR")), ("currency",)),
        (a_payment("k", amount=Money(250, "JPY")), ("currency",)),
        (a_payment("k", amount=Money(25000, "JPY")), ("amount", "currency")),
        (a_payment("k", description="x"), ("description",)),
        (a_payment("k", "ACC-9", usd(-1), description="x"), ("accountId", "amount", "description")),
    ]:
        assert await store.create_many(conn, "client", [other]) == [("reused", None, differs)]


async def test_a_key_of_another_route_is_reused(conn):
    await some_payments(conn, a_payment("k"))
    [outcome] = await store.create_many(conn, "client", [a_payment("k")], route="POST /elsewhere")
    assert outcome == ("reused", None, ("route",))
    await conn.execute(
        "INSERT INTO core.idempotency_key (client, key, route, resource_id) "
        "VALUES ('client', 'card', 'POST /cards', 'pay_1')"
    )
    [outcome] = await store.create_many(conn, "client", [a_payment("card")])
    assert outcome == ("reused", None, ("route",))


async def test_clients_have_keys_of_their_own(conn):
    outcomes = [
        (await store.create_many(conn, client, [a_payment("k")]))[0].outcome for client in ("a", "b", "a")
    ]
    assert outcomes == ["created", "created", "replayed"]


async def test_equal_keys_inside_a_batch_create_once_and_answer_each(conn):
    items = [a_payment("z"), a_payment("a"), a_payment("z"), a_payment("z", amount=usd(1)), a_payment("a")]
    outcomes = await store.create_many(conn, "client", items)
    assert [o.outcome for o in outcomes] == ["created", "created", "replayed", "reused", "replayed"]
    assert outcomes[2].payment == outcomes[0].payment
    assert await one(conn, "SELECT count(*) FROM core.payment") == 2
    assert await one(conn, "SELECT jsonb_array_length(message->'args'->0) FROM dramatiq.queue") == 2


async def test_a_batch_of_replays_sends_nothing(conn):
    await some_payments(conn, a_payment("a"), a_payment("b"))
    await store.create_many(conn, "client", [a_payment("b"), a_payment("a")])
    assert await one(conn, "SELECT count(*) FROM dramatiq.queue") == 1


async def test_texts_arrive_as_they_were_written(conn):
    for text in [
        'quote " and \\ backslash',
        "{a,b}",
        "NULL",
        "''; DROP TABLE core.payment; --",
        "ümlaut ✓ 𝕌",
        "  spaces  ",
        ",",
        "%_",
    ]:
        [made] = await some_payments(conn, a_payment(text, account=text, description=text))
        row = (await store.get(conn, made.id)).payment
        assert (row.idempotency_key, row.account_id, row.description) == (text, text, text)


async def test_a_payment_and_its_reconciliation(conn):
    [made] = await some_payments(conn, a_payment(amount=usd(25013)))
    assert (await store.get(conn, made.id)).reconciliation is None
    await reconcile_all(conn, discrepancy_minor=13)
    detail = await store.get(conn, made.id)
    assert detail.payment.status is PaymentStatus.COMPLETED
    assert detail.reconciliation.discrepancy_amount == "0.13"


async def test_a_payment_that_is_not_there(conn):
    with pytest.raises(PaymentNotFound):
        await store.get(conn, uuid7())


async def test_pages_are_newest_first_and_meet_without_overlap(conn):
    made = await some_payments(conn, *[a_payment() for _ in range(25)])
    seen, cursor = [], None
    while True:
        page = await store.list_page(conn, limit=10, cursor=cursor)
        seen += page.payments
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [p.id for p in seen] == [p.id for p in reversed(made)]


async def test_filters_narrow_a_page(conn):
    await some_payments(conn, a_payment("red", "ACC-A"), a_payment("green", "ACC-B", description="Rent 100%"))
    await reconcile_all(conn)
    [late] = await some_payments(conn, a_payment("blue", "ACC-A"))

    async def keys(**filters):
        return [p.idempotency_key for p in (await store.list_page(conn, **filters)).payments]

    assert await keys(account_id="ACC-A") == ["blue", "red"]
    assert await keys(status=PaymentStatus.PENDING) == ["blue"]
    assert await keys(status=PaymentStatus.COMPLETED, account_id="ACC-A") == ["red"]
    assert await keys(q="rent 100%") == ["green"]
    assert await keys(q="r_nt") == []
    assert await keys(q=str(late.id)) == ["blue"]
    assert await keys(q="acc-") == ["blue", "green", "red"]


async def test_a_cursor_that_is_not_ours_is_refused(conn):
    for cursor in ["", "x", "0", "' OR 1=1"]:
        with pytest.raises(InvalidCursor):
            await store.list_page(conn, cursor=cursor)


async def test_a_balance_is_zero_for_an_account_never_seen(conn):
    balance = (await store.balance(conn, "nobody", "JPY")).model_dump()
    assert balance == {
        "accountId": "nobody",
        "balance": "0",
        "currency": "JPY",
        "available": "0",
        "pending": "0",
        "version": 0,
    }


async def test_the_largest_amounts_do_not_stop_anybody(conn):
    """Each fits 64 bits, their sum does not: counters must hold it."""
    await some_payments(conn, *[a_payment(amount=usd(2**63 - 1)) for _ in range(3)], a_payment())
    await reconcile_all(conn)
    total = 3 * (2**63 - 1) + 25000
    assert (await store.balance(conn, "ACC-1", "USD")).balance == f"{total // 100}.{total % 100:02d}"
