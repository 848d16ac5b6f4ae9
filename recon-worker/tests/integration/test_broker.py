"""The broker against real Postgres: delivery, answers, fences, wake-ups."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import psycopg
import pytest
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import BrokerConnectionError, QueueJoinTimeout, QueueNotFound
from dramatiq.message import Message
from psycopg import Connection
from recon_waiting import eventually

from recon_worker.queue import store
from recon_worker.queue.broker import PostgresBroker
from recon_worker.queue.consumer import PostgresConsumer

Make = Callable[..., PostgresBroker]
Run = Callable[..., dramatiq.Worker]
State = Callable[[], dict[str, int]]


def test_a_message_runs_once_and_leaves_nothing(
    make_broker: Make, run_worker: Run, queue_state: State
) -> None:
    broker = make_broker()
    seen: list[int] = []
    actor = dramatiq.actor(seen.append, broker=broker, actor_name="see", queue_name="marks")
    run_worker(broker)
    for item in range(200):
        actor.send(item)
    eventually(lambda: len(seen) >= 200)
    broker.join("marks", timeout=60_000)
    assert sorted(seen) == list(range(200))
    assert queue_state() == {}


def test_messages_sent_before_the_worker_started_are_found(make_broker: Make, run_worker: Run) -> None:
    broker = make_broker()
    seen: list[int] = []
    actor = dramatiq.actor(seen.append, broker=broker, actor_name="see")
    actor.send(1)
    run_worker(broker)
    eventually(lambda: seen == [1])


def test_a_delayed_message_waits_for_its_time(make_broker: Make, run_worker: Run) -> None:
    broker = make_broker()
    seen: list[float] = []
    actor = dramatiq.actor(lambda: seen.append(time.monotonic()), broker=broker, actor_name="see")
    run_worker(broker)
    sent_at = time.monotonic()
    actor.send_with_options(delay=400)
    eventually(lambda: seen)
    assert seen[0] - sent_at >= 0.4


def test_lower_priority_numbers_are_claimed_first(make_broker: Make, run_worker: Run) -> None:
    broker = make_broker()
    seen: list[str] = []
    late = dramatiq.actor(lambda: seen.append("late"), broker=broker, actor_name="late", priority=10)
    soon = dramatiq.actor(lambda: seen.append("soon"), broker=broker, actor_name="soon", priority=-10)
    for _ in range(20):
        late.send()
    for _ in range(20):
        soon.send()
    run_worker(broker, threads=1)
    eventually(lambda: len(seen) == 40)
    assert seen[:20] == ["soon"] * 20


def test_a_message_sent_in_a_transaction_follows_it(
    make_broker: Make, run_worker: Run, database_url: str, queue_state: State
) -> None:
    broker = make_broker()
    seen: list[int] = []
    actor = dramatiq.actor(seen.append, broker=broker, actor_name="see")
    run_worker(broker)
    with psycopg.connect(database_url) as conn:
        broker.enqueue_in(conn, actor.message(1))
        conn.rollback()
        broker.enqueue_in(conn, actor.message(2))
        assert seen == []
        conn.commit()
    eventually(lambda: seen == [2])
    broker.join("default", timeout=60_000)
    assert queue_state() == {}


def test_a_failing_message_is_tried_again_and_keeps_its_history(
    make_broker: Make, run_worker: Run, sql: Connection[Any]
) -> None:
    broker = make_broker()
    times: list[float] = []
    histories: list[Any] = []

    def flaky() -> None:
        times.append(time.monotonic())
        histories.append(sql.execute("SELECT history FROM dramatiq.queue").fetchone())
        if len(times) < 3:
            raise RuntimeError(f"attempt {len(times)}")

    dramatiq.actor(flaky, broker=broker).send()
    run_worker(broker, threads=1)
    eventually(lambda: len(times) == 3)
    broker.join("default", timeout=60_000)
    assert times[1] - times[0] >= 0.02
    assert times[2] - times[1] >= 0.04
    assert [(step["what"], step["error"]) for step in histories[2][0]] == [
        ("failed", "RuntimeError: attempt 1"),
        ("failed", "RuntimeError: attempt 2"),
    ]


def test_retries_end_in_a_dead_letter_with_error_and_history(
    make_broker: Make, run_worker: Run, sql: Connection[Any], queue_state: State
) -> None:
    broker = make_broker()

    def doomed(item: int) -> None:
        raise RuntimeError("never")

    dramatiq.actor(doomed, broker=broker).send(7)
    run_worker(broker)
    eventually(lambda: queue_state() == {"rejected": 1})
    row = sql.execute(
        "SELECT message->'args', message#>>'{options,retries}', error, jsonb_array_length(history), owner"
        " FROM dramatiq.queue"
    ).fetchone()
    assert row == ([7], "4", "RuntimeError: never", 4, None)


def test_a_business_error_is_final(make_broker: Make, run_worker: Run, queue_state: State) -> None:
    broker = make_broker()
    seen: list[int] = []

    def refused() -> None:
        seen.append(1)
        raise LookupError("no such payment")

    dramatiq.actor(refused, broker=broker, throws=(LookupError,)).send()
    run_worker(broker)
    eventually(lambda: queue_state() == {"rejected": 1})
    assert seen == [1]


def test_details_of_postgres_errors_stay_out_of_dead_letters(
    make_broker: Make, run_worker: Run, sql: Connection[Any], queue_state: State
) -> None:
    broker = make_broker()

    def clash() -> None:
        sql.execute("CREATE TEMP TABLE once (secret text PRIMARY KEY)")
        sql.execute("INSERT INTO once VALUES ('ACC-SECRET')")
        sql.execute("INSERT INTO once VALUES ('ACC-SECRET')")

    dramatiq.actor(clash, broker=broker, max_retries=0).send()
    run_worker(broker, threads=1)
    eventually(lambda: queue_state() == {"rejected": 1})
    text = sql.execute("SELECT message::text || error || history FROM dramatiq.queue").fetchone()
    assert text is not None
    assert "UniqueViolation" in text[0]
    assert "Key (secret)" not in text[0]


@pytest.mark.parametrize(
    "message",
    [
        '{"actor_name": "nobody", "queue_name": "default", "args": [], "kwargs": {}, "options": {},'
        ' "message_id": "x", "message_timestamp": 1}',
        '{"actor_name": "see"}',
        '{"actor_name": "see", "args": 5, "kwargs": {}, "options": {}, "message_id": "x",'
        ' "message_timestamp": 1}',
        '["not", "an", "object"]',
    ],
)
def test_what_nobody_can_run_becomes_a_dead_letter_and_stops_nothing(
    make_broker: Make, run_worker: Run, sql: Connection[Any], queue_state: State, message: str
) -> None:
    broker = make_broker()
    seen: list[int] = []
    actor = dramatiq.actor(seen.append, broker=broker, actor_name="see")
    sql.execute(
        "INSERT INTO dramatiq.queue (message_id, queue_name, message)"
        " VALUES (gen_random_uuid(), 'default', %s)",
        (message,),
    )
    run_worker(broker)
    actor.send(1)
    eventually(lambda: seen == [1] and queue_state() == {"rejected": 1})
    row = sql.execute("SELECT error, message FROM dramatiq.queue").fetchone()
    assert row is not None
    assert row[0]


def test_a_single_message_never_waits_for_the_poll(make_broker: Make, run_worker: Run) -> None:
    """Lost wake-ups would show as waits near the four seconds of the poll; no busy machine takes as long."""
    broker = make_broker()
    heard = threading.Event()
    actor = dramatiq.actor(heard.set, broker=broker, actor_name="hear")
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=4000)
    worker.start()
    eventually(lambda: broker.is_ready)
    waits: list[float] = []
    for _ in range(300):
        heard.clear()
        sent_at = time.monotonic()
        actor.send()
        assert heard.wait(30)
        waits.append(time.monotonic() - sent_at)
    worker.stop()
    assert max(waits) < 3, sorted(waits)[-5:]


def test_a_wake_up_during_an_empty_claim_is_not_forgotten(
    make_broker: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim saw nothing yet, the notification came before it ended: the next round must claim again."""
    broker = make_broker()
    actor = dramatiq.actor(lambda: None, broker=broker, actor_name="hear")
    consumer = broker.consume("default", prefetch=2, timeout=60_000)
    assert isinstance(consumer, PostgresConsumer)
    eventually(lambda: broker.is_ready)
    ask = store.next_due_s

    def ask_late(*given: Any) -> float | None:
        monkeypatch.setattr(store, "next_due_s", ask)
        due_s = ask(*given)
        actor.send()
        consumer.wake()
        return due_s

    monkeypatch.setattr(store, "next_due_s", ask_late)
    began_at = time.monotonic()
    assert next(consumer) is None
    message = next(consumer)
    assert message is not None
    assert time.monotonic() - began_at < 30
    consumer.ack(message)
    consumer.close()


def test_an_answer_after_the_message_was_taken_away_is_void(
    make_broker: Make, run_worker: Run, sql: Connection[Any], queue_state: State
) -> None:
    broker = make_broker()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(60)

    dramatiq.actor(slow, broker=broker).send()
    run_worker(broker)
    assert begun.wait(60)
    sql.execute("UPDATE dramatiq.queue SET owner = gen_random_uuid(), claims = claims + 1")
    go_on.set()
    eventually(lambda: broker.held == 0)
    broker.drain()
    broker.close()
    assert queue_state() == {"consumed": 1}


def test_stopping_gives_back_what_nobody_began(make_broker: Make, queue_state: State) -> None:
    broker, other = make_broker(), make_broker()
    begun, go_on = threading.Event(), threading.Event()

    def slow(item: int) -> None:
        begun.set()
        assert go_on.wait(60)

    actor = dramatiq.actor(slow, broker=broker)
    for item in range(20):
        actor.send(item)
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=250)
    worker.queue_prefetch = 8
    worker.start()
    assert begun.wait(60)
    eventually(lambda: broker.held == 8)
    other.declare_queue("default")
    # Polling once a minute, it gets what is given back only by being notified.
    consumer = other.consume("default", prefetch=100, timeout=60_000)
    eventually(lambda: other.is_ready)
    taken = [take(consumer) for _ in range(12)]
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    go_on.set()
    taken += [take(consumer) for _ in range(7)]
    stopping.join(60)
    for message in taken:
        consumer.ack(message)
    consumer.close()
    assert queue_state() == {}
    assert len({message.message_id for message in taken}) == 19


def take(consumer: Consumer) -> MessageProxy:
    """The next message within a minute."""
    deadline = time.monotonic() + 60
    while (message := next(consumer)) is None:
        assert time.monotonic() < deadline
    return message


def test_killed_connections_lose_and_double_nothing(
    make_broker: Make, run_worker: Run, superuser: Connection[Any], queue_state: State
) -> None:
    broker = make_broker()
    seen: list[int] = []

    def work(item: int) -> None:
        time.sleep(0.001)
        seen.append(item)
        if item % 7 == 0 and seen.count(item) == 1:
            raise RuntimeError("once")

    actor = dramatiq.actor(work, broker=broker)
    for item in range(600):
        actor.send(item)
    run_worker(broker, threads=8)
    for _ in range(6):
        time.sleep(0.05)
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'queue-%'"
        )
    eventually(lambda: queue_state() == {}, within_s=60)
    assert sorted(set(seen)) == list(range(600))
    assert all(seen.count(item) == (2 if item % 7 == 0 else 1) for item in set(seen))


def test_sending_without_a_database_fails_fast(make_broker: Make) -> None:
    broker = make_broker(url="postgresql://nobody@127.0.0.1:1/none")
    actor = dramatiq.actor(lambda: None, broker=broker, actor_name="nothing")
    begun_at = time.monotonic()
    with pytest.raises(BrokerConnectionError):
        actor.send()
    assert time.monotonic() - begun_at < 20


def test_sending_survives_a_spare_connection_that_died(make_broker: Make, superuser: Connection[Any]) -> None:
    broker = make_broker()
    actor = dramatiq.actor(lambda: None, broker=broker, actor_name="nothing")
    actor.send()
    superuser.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'queue-send'"
    )
    actor.send()
    assert superuser.execute("SELECT count(*) FROM dramatiq.queue").fetchone() == (2,)


def test_wrong_use_is_said(make_broker: Make) -> None:
    broker = make_broker()
    with pytest.raises(ValueError, match="longer than 43"):
        broker.declare_queue("q" * 44)
    with pytest.raises(QueueNotFound):
        broker.consume("undeclared")
    with pytest.raises(ValueError, match="two heartbeats"):
        PostgresBroker("", heartbeat_s=2, lease_s=3)


def test_flush_and_join(make_broker: Make, queue_state: State) -> None:
    broker = make_broker()
    actor = dramatiq.actor(lambda: None, broker=broker, actor_name="nothing")
    actor.send()
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=50)
    broker.flush_all()
    broker.join("default", timeout=50)
    assert queue_state() == {}


def test_stock_delayed_rows_are_taken_at_their_time(
    make_broker: Make, run_worker: Run, sql: Connection[Any], queue_state: State
) -> None:
    broker = make_broker()
    seen: list[float] = []
    actor = dramatiq.actor(
        lambda: seen.append(time.monotonic()), broker=broker, actor_name="see", queue_name="marks"
    )

    def park(delay_s: float) -> None:
        """As dramatiq-pg does."""
        message: Message[Any] = actor.message().copy(
            queue_name="marks.DQ", options={"eta": int((time.time() + delay_s) * 1000)}
        )
        sql.execute(
            "INSERT INTO dramatiq.queue (message_id, queue_name, state, message)"
            " VALUES (%(id)s, 'marks.DQ', 'queued', %(message)s::jsonb)",
            {"id": message.message_id, "message": message.encode().decode()},
        )
        sql.execute("SELECT pg_notify('dramatiq.marks.DQ.enqueue', %s)", (message.encode().decode(),))

    park(0.1)
    run_worker(broker)
    eventually(lambda: len(seen) == 1)
    parked_at = time.monotonic()
    park(0.4)
    eventually(lambda: len(seen) == 2)
    assert 0.39 <= seen[1] - parked_at < 0.9
    broker.join("marks", timeout=60_000)
    assert queue_state() == {}
