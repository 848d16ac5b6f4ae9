"""The relay: in order, only what is due, all or nothing, and unchanged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import BrokerConnectionError
from dramatiq.message import Message
from psycopg import Connection
from recon_waiting import eventually

from recon_worker.queue import store
from recon_worker.queue.relay import BrokerPublisher, Relay, forward


class Record:
    """A publisher that remembers, and fails where it is told to."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.messages: list[Message[Any]] = []
        self.fail_at = fail_at

    def publish(self, message: Message[Any], /) -> None:
        if len(self.messages) == self.fail_at:
            self.fail_at = None
            raise BrokerConnectionError("not confirmed")
        self.messages.append(message)


def send(sql: Connection[Any], item: int, **options: Any) -> None:
    message: Message[Any] = Message(
        queue_name="away", actor_name="see", args=(item,), kwargs={}, options={"traceparent": "t"}
    )
    store.enqueue(sql, message.message_id, "away", message.encode().decode(), **options)


def waiting(sql: Connection[Any]) -> int:
    return store.open_count(sql, "away")


def test_due_messages_go_unchanged_and_in_order(sql: Connection[Any]) -> None:
    send(sql, 3, priority=5)
    for item in range(3):
        send(sql, item)
    send(sql, 9, delay_s=60)
    sent = Record()
    assert forward(sql, sent, ["away"], limit=3) == 3
    assert forward(sql, sent, ["away"], limit=3) == 1
    assert [message.args for message in sent.messages] == [(0,), (1,), (2,), (3,)]
    assert sent.messages[0].options == {"traceparent": "t"}
    assert waiting(sql) == 1


def test_what_is_not_confirmed_stays(sql: Connection[Any]) -> None:
    for item in range(3):
        send(sql, item)
    with pytest.raises(BrokerConnectionError):
        forward(sql, Record(fail_at=2), ["away"])
    assert waiting(sql) == 3


def test_two_relays_never_take_the_same(sql: Connection[Any], database_url: str) -> None:
    for item in range(10):
        send(sql, item)
    first, second = Record(), Record()
    with psycopg.connect(database_url) as conn, conn.transaction():
        assert forward(conn, first, ["away"], limit=4) == 4
        assert forward(sql, second, ["away"]) == 6
    assert waiting(sql) == 0


def test_the_relay_goes_on_after_either_side_was_away(
    sql: Connection[Any], superuser: Connection[Any], database_url: str
) -> None:
    chores: list[int] = []
    away = Record(fail_at=1)
    stop = threading.Event()
    relay = Relay(
        connect=lambda: psycopg.connect(database_url, autocommit=True, application_name="queue-relay"),
        publisher=away,
        queues=["away"],
        chores=[lambda conn: chores.append(1)],
    )
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    for item in range(5):
        send(sql, item)
    eventually(lambda: waiting(sql) == 0)
    superuser.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'queue-relay' AND datname = current_database()"
    )
    send(sql, 5)
    eventually(lambda: waiting(sql) == 0)
    stop.set()
    thread.join(60)
    assert {message.args[0] for message in away.messages} == {0, 1, 2, 3, 4, 5}
    assert len(chores) >= 2


def test_any_dramatiq_broker_can_be_the_other_side(sql: Connection[Any]) -> None:
    other = StubBroker(middleware=[])
    send(sql, 1)
    assert forward(sql, BrokerPublisher(other), ["away"]) == 1
    published: Callable[[], Any] = lambda: other.queues["away"].get_nowait()  # noqa: E731
    assert Message.decode(published()).args == (1,)
