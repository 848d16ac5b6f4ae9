"""Postgres goes and comes back: work goes on within a moment, nothing is lost, nothing is done twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dramatiq
import psycopg
import pytest
from dramatiq.errors import BrokerConnectionError
from dramatiq.middleware import Retries
from payments_schema.database.migrate import migrate
from private_postgres import PrivatePostgres
from recon_waiting import eventually

from recon_worker.queue.broker import PostgresBroker


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres()
    try:
        migrate(server.url)
        yield server
    finally:
        server.close()


@pytest.fixture
def broker(postgres: PrivatePostgres) -> Iterator[PostgresBroker]:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute("TRUNCATE dramatiq.queue, dramatiq.worker")
    broker = PostgresBroker(postgres.url, middleware=[Retries(min_backoff=20)])
    yield broker
    broker.close()


def insist(actor: dramatiq.Actor[Any, Any], item: int) -> None:
    """Send until it is accepted; the message keeps its id, so it is one."""
    message = actor.message(item)
    while True:
        try:
            actor.broker.enqueue(message)
            return
        except BrokerConnectionError:
            time.sleep(0.02)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_an_idle_worker_goes_on_after_a_restart(
    broker: PostgresBroker, postgres: PrivatePostgres, mode: str
) -> None:
    begun: list[int] = []
    actor = dramatiq.actor(begun.append, broker=broker, actor_name="see")
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=1000)
    worker.start()
    eventually(lambda: broker.is_ready)
    postgres.stop(mode)
    postgres.start()
    for item in range(5):
        insist(actor, item)
    eventually(lambda: len(begun) == 5)
    worker.stop()


@pytest.mark.parametrize("mode", [pytest.param("fast", marks=pytest.mark.long), "immediate"])
def test_a_restart_under_load_loses_and_doubles_nothing(
    broker: PostgresBroker, postgres: PrivatePostgres, mode: str
) -> None:
    """Failing once, every fifth message is also on its way to a retry in the middle of it."""
    seen: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> None:
        time.sleep(0.002)
        with lock:
            seen.append(item)
            again = item % 5 == 0 and seen.count(item) == 1
        if again:
            raise RuntimeError("once")

    actor = dramatiq.actor(work, broker=broker)
    worker = dramatiq.Worker(broker, worker_threads=8, worker_timeout=250)
    worker.start()
    sender = threading.Thread(target=lambda: [insist(actor, item) for item in range(800)])
    sender.start()
    eventually(lambda: len(seen) > 100)
    postgres.stop(mode)
    postgres.start()
    sender.join(60)
    broker.join("default", timeout=60_000)
    worker.stop()
    expected = Counter({item: 2 if item % 5 == 0 else 1 for item in range(800)})
    assert Counter(seen) == expected
