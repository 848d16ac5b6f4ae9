"""A worker with nothing to do rests; what nobody told it of is found by the next beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import dramatiq
import pytest
from dramatiq.message import Message
from psycopg import Connection
from recon_waiting import eventually

from recon_worker.queue.broker import PostgresBroker
from recon_worker.queue.schedule import Schedule, Scheduler
from recon_worker.queue.worker import RestingWorker

NEVER_MS = 3_600_000


@pytest.fixture
def rest() -> Iterator[Callable[[PostgresBroker], RestingWorker]]:
    """Workers whose own waits never end by themselves within a test."""
    with ExitStack() as stack:

        def run(broker: PostgresBroker) -> RestingWorker:
            worker = RestingWorker(broker, worker_threads=2, worker_timeout=NEVER_MS)
            worker.start()
            stack.callback(worker.stop)
            eventually(lambda: broker.is_ready)
            return worker

        yield run


def insert(sql: Connection[Any], message: Message[Any], delay_s: float = 0) -> None:
    """As a producer whose notification is lost."""
    sql.execute(
        "INSERT INTO dramatiq.queue (message_id, queue_name, state, message, due_at) "
        "VALUES (%s, %s, 'queued', %s::jsonb, now() + make_interval(secs => %s))",
        [message.message_id, message.queue_name, message.encode().decode(), delay_s],
    )


def at_rest(superuser: Connection[Any]) -> bool:
    """Whether the consumer has looked and found nothing: its last statement is the look for what is next."""
    found = superuser.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' "
        "AND application_name = 'queue-consumer' AND query LIKE '%min(due_at)%'"
    ).fetchone()
    return found == (1,)


@pytest.mark.parametrize("delay_s", [0, 0.3])
def test_a_message_nobody_told_of_is_found(
    make_broker: Callable[..., PostgresBroker],
    rest: Callable[[PostgresBroker], RestingWorker],
    sql: Connection[Any],
    superuser: Connection[Any],
    delay_s: float,
) -> None:
    broker = make_broker(heartbeat_s=0.5)
    done: list[int] = []
    actor = dramatiq.actor(done.append, broker=broker, actor_name="note")
    rest(broker)
    eventually(lambda: at_rest(superuser))
    insert(sql, actor.message(1), delay_s)
    eventually(lambda: done == [1])


def test_a_delayed_row_of_a_stock_producer_nobody_told_of_is_found(
    make_broker: Callable[..., PostgresBroker],
    rest: Callable[[PostgresBroker], RestingWorker],
    sql: Connection[Any],
    superuser: Connection[Any],
) -> None:
    broker = make_broker(heartbeat_s=0.5)
    done: list[int] = []
    actor = dramatiq.actor(done.append, broker=broker, actor_name="note")
    rest(broker)
    eventually(lambda: at_rest(superuser))
    insert(sql, actor.message(1).copy(queue_name="default.DQ", options={"eta": 1}))
    eventually(lambda: done == [1])


def test_resting_threads_end_when_the_worker_stops(
    make_broker: Callable[..., PostgresBroker], rest: Callable[[PostgresBroker], RestingWorker]
) -> None:
    broker = make_broker()
    dramatiq.actor(lambda: None, broker=broker, actor_name="nothing")
    worker = rest(broker)
    worker.stop(timeout=60_000)
    assert not any(thread.is_alive() for thread in (*worker.workers, *worker.consumers.values()))


def test_a_slot_stays_open_until_there_is_something_to_do(sql: Connection[Any]) -> None:
    due = "EXISTS (SELECT FROM core.schedule WHERE name = 'something')"
    scheduler = Scheduler([Schedule("daily", 86400, "maintenance", "report", due=due)], "w")
    scheduler(sql)
    assert sql.execute("SELECT count(*) FROM dramatiq.queue").fetchone() == (0,)
    sql.execute(
        "INSERT INTO core.schedule (name, last_slot, claimed_by, claimed_at) "
        "VALUES ('something', now(), 'test', now())"
    )
    scheduler(sql)
    assert sql.execute("SELECT message->>'actor_name' FROM dramatiq.queue").fetchall() == [("report",)]
