"""A slot of a schedule is claimed once across all workers, and becomes one message."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from recon_worker.queue.schedule import Schedule, Scheduler, message_id

AGES_S = 1e10  # a slot that no test sees turn


def tick_together(url: str, scheduler: Scheduler, workers: int, ticks: int) -> None:
    barrier = threading.Barrier(workers)

    def work() -> None:
        with psycopg.connect(url, autocommit=True) as conn:
            barrier.wait()
            for _ in range(ticks):
                scheduler(conn)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_slot_is_claimed_once_by_many_workers(database_url: str, sql: Connection[Any]) -> None:
    scheduler = Scheduler([Schedule("ever", AGES_S, "maintenance", "report", (1,))], "w")
    tick_together(database_url, scheduler, workers=8, ticks=20)
    assert sql.execute("SELECT message->>'actor_name', message->'args' FROM dramatiq.queue").fetchall() == [
        ("report", [1])
    ]
    assert sql.execute("SELECT name, claimed_by FROM core.schedule").fetchall() == [("ever", "w")]


def test_every_slot_gets_its_message(database_url: str, sql: Connection[Any]) -> None:
    """The turn of a slot may fall between two workers' ticks: then one look sees the later one only."""
    schedule = Schedule("often", 0.2, "maintenance", "report")
    scheduler = Scheduler([schedule], "w")
    seen: list[datetime] = []
    deadline = time.monotonic() + 60
    while len(seen) < 5:
        assert time.monotonic() < deadline
        tick_together(database_url, scheduler, workers=2, ticks=1)
        row = sql.execute("SELECT last_slot FROM core.schedule").fetchone()
        assert row is not None
        if row[0] not in seen:
            seen.append(row[0])
    sent = [row[0] for row in sql.execute("SELECT message_id::text FROM dramatiq.queue").fetchall()]
    begun = seen[0] - timedelta(milliseconds=200)
    turns = [
        begun + timedelta(milliseconds=200 * n)
        for n in range((seen[-1] - begun) // timedelta(milliseconds=200) + 1)
    ]
    assert {message_id(schedule, slot) for slot in seen} <= set(sent)
    assert set(sent) <= {message_id(schedule, slot) for slot in turns}
    assert len(sent) == len(set(sent))


def test_the_message_and_the_slot_stand_or_fall_together(database_url: str, sql: Connection[Any]) -> None:
    scheduler = Scheduler([Schedule("ever", AGES_S, "maintenance", "report")], "w")
    with psycopg.connect(database_url) as conn:
        conn.execute("SELECT 1")
        scheduler(conn)
        conn.rollback()
    assert sql.execute("SELECT count(*) FROM core.schedule").fetchone() == (0,)
    scheduler(sql)
    assert sql.execute("SELECT count(*) FROM dramatiq.queue").fetchone() == (1,)


def test_a_schedule_needs_a_length() -> None:
    with pytest.raises(ValueError, match="positive"):
        Schedule("never", 0, "maintenance", "report")
