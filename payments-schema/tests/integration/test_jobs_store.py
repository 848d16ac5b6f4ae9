"""Messages: sent with the commit, listed, retried, discarded."""

from datetime import datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from builders import fetch, one, some_payments

from payments_schema.errors import InvalidCursor, InvalidTransition, JobNotFound
from payments_schema.jobs import store
from payments_schema.wire.jobs import JobStatus


async def test_a_message_goes_with_the_callers_transaction(conn):
    await store.enqueue(conn, "mail", "send", ["a", 1], kwargs={"x": None})
    await conn.rollback()
    assert await one(conn, "SELECT count(*) FROM dramatiq.queue") == 0
    sent = await store.enqueue(conn, "mail", "send", ["a", 1], kwargs={"x": None}, options={"retries": 2})
    [(message, queue)] = await fetch(conn, "SELECT message, queue_name FROM dramatiq.queue")
    assert queue == message["queue_name"] == "mail"
    assert (message["actor_name"], message["args"], message["kwargs"]) == ("send", ["a", 1], {"x": None})
    assert (message["options"], message["message_id"]) == ({"retries": 2}, str(sent))
    assert abs(message["message_timestamp"] / 1000 - datetime.now().timestamp()) < 60


async def test_an_id_given_is_sent_once(conn):
    chosen = uuid4()
    assert await store.enqueue(conn, "q", "a", [], message_id=chosen) == chosen
    with pytest.raises(psycopg.errors.UniqueViolation):
        await store.enqueue(conn, "q", "a", [], message_id=chosen)


async def test_jobs_are_listed_newest_first_by_status(conn):
    now = await store.enqueue(conn, "q", "a", [1])
    later = await store.enqueue(conn, "q", "a", [2], delay_s=60)
    dead = await store.enqueue(conn, "r", "a", [3])
    await store.reject(conn, [dead], "broken")

    async def listed(**filters):
        return [(job.id, job.status.value) for job in (await store.list_page(conn, **filters)).data]

    everything = [(dead, "dead"), (later, "scheduled"), (now, "queued")]
    assert await listed() == everything
    assert await listed(queue="q") == everything[1:]
    for job_id, status in everything:
        assert await listed(status=JobStatus(status)) == [(job_id, status)]
    first = await store.list_page(conn, limit=2)
    assert first.has_more
    assert [job.id for job in (await store.list_page(conn, limit=2, cursor=first.next_cursor)).data] == [now]
    with pytest.raises(InvalidCursor):
        await store.list_page(conn, cursor="nonsense")


async def test_a_dead_message_and_its_jobs_are_retried(conn):
    await some_payments(conn)
    message_id: UUID = await one(conn, "SELECT message_id FROM dramatiq.queue")
    await store.reject(conn, [message_id], "boom")
    assert await one(conn, "SELECT status FROM core.recon_job") == "failed"
    assert (await store.get(conn, message_id)).error == "boom"
    job = await store.retry(conn, message_id)
    assert job.status is JobStatus.QUEUED
    assert [step["what"] for step in job.history] == ["given up", "retried by an operator"]
    assert await one(conn, "SELECT status FROM core.recon_job") == "pending"


async def test_a_discarded_message_leaves_an_event(conn):
    dead = await store.enqueue(conn, "q", "a", [])
    await store.reject(conn, [dead], "broken")
    assert (await store.discard(conn, dead)).status is JobStatus.DEAD
    with pytest.raises(JobNotFound):
        await store.get(conn, dead)
    assert await one(conn, "SELECT type FROM core.event WHERE subject = %s", str(dead)) == "job.discarded"


@pytest.mark.parametrize("action", [store.retry, store.discard])
async def test_only_dead_messages_take_an_operators_action(conn, action):
    alive = await store.enqueue(conn, "q", "a", [])
    with pytest.raises(InvalidTransition) as refused:
        await action(conn, alive)
    assert refused.value.extra["current_status"] == "queued"
    with pytest.raises(JobNotFound):
        await action(conn, uuid4())
