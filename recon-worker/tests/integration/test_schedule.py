"""A slot of a schedule is claimed once across all workers, and becomes one message."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from recon_worker.queue.schedule import Schedule, Scheduler


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
    scheduler = Scheduler([Schedule("daily", 86400, "maintenance", "report", (1,))], "w")
    tick_together(database_url, scheduler, workers=8, ticks=20)
    assert sql.execute("SELECT message->>'actor_name', message->'args' FROM dramatiq.queue").fetchall() == [
        ("report", [1])
    ]
    assert sql.execute("SELECT name, claimed_by FROM core.schedule").fetchall() == [("daily", "w")]


def test_every_slot_gets_its_message(database_url: str, sql: Connection[Any]) -> None:
    scheduler = Scheduler([Schedule("often", 0.2, "maintenance", "report")], "w")
    slots = set()
    begun_at = time.monotonic()
    while time.monotonic() - begun_at < 1.1:
        tick_together(database_url, scheduler, workers=2, ticks=1)
        slots.add(sql.execute("SELECT last_slot FROM core.schedule").fetchone())
    assert sql.execute("SELECT count(*) FROM dramatiq.queue").fetchone() == (len(slots),)
    assert len(slots) >= 5


def test_the_message_and_the_slot_stand_or_fall_together(database_url: str, sql: Connection[Any]) -> None:
    scheduler = Scheduler([Schedule("daily", 86400, "maintenance", "report")], "w")
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
