"""Stock dramatiq-pg 0.12, in an environment of its own, on the same table: both directions."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import dramatiq
import psycopg
import pytest
from dramatiq.middleware import Retries
from payments_schema.testing import url_of
from psycopg import Connection
from recon_waiting import eventually

from recon_worker.queue.broker import PostgresBroker

HERE = Path(__file__).parent


def load_stock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stock", HERE / "stock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def stock_python() -> str:
    return load_stock().python()


@pytest.fixture
def stock_url(server_url: str, database_name: str) -> str:
    """Stock opens its own connections and knows no roles."""
    return url_of(server_url, database_name)


@pytest.fixture
def broker(database_url: str) -> Iterator[PostgresBroker]:
    broker = PostgresBroker(database_url, middleware=[Retries()])
    yield broker
    broker.close()


def run_stock(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(HERE / "stock_program.py"), *arguments], capture_output=True, text=True, timeout=60
    )


def rows(conn: Connection[Any]) -> list[Any]:
    return conn.execute("SELECT state::text, count(*) FROM dramatiq.queue GROUP BY 1 ORDER BY 1").fetchall()


def test_stock_produces_and_we_consume(broker: PostgresBroker, stock_python: str, stock_url: str) -> None:
    """Every second message is delayed, which stock parks as `marks.DQ`."""
    seen: list[int] = []
    dramatiq.actor(seen.append, broker=broker, actor_name="see", queue_name="marks")
    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=250)
    worker.start()
    produced = run_stock(stock_python, "produce", stock_url, "marks", "20")
    assert produced.returncode == 0, produced.stderr
    eventually(lambda: len(seen) >= 20)
    broker.join("marks", timeout=60_000)
    worker.stop()
    assert sorted(seen) == list(range(20))
    with psycopg.connect(stock_url) as conn:
        assert rows(conn) == []


def test_we_produce_and_stock_consumes(broker: PostgresBroker, stock_python: str, stock_url: str) -> None:
    """Half of it waits before stock starts, half is notified to it."""
    actor = dramatiq.actor(lambda item: None, broker=broker, actor_name="see", queue_name="marks")
    for item in range(10):
        actor.send(item)
    consumer = subprocess.Popen(
        [stock_python, str(HERE / "stock_program.py"), "consume", stock_url, "marks", "20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert consumer.stdout is not None
    assert consumer.stdout.readline() == "ready\n"
    for item in range(10, 20):
        actor.send(item)
    output, errors = consumer.communicate(timeout=60)
    assert json.loads(output) == list(range(20)), errors
    with psycopg.connect(stock_url) as conn:
        assert rows(conn) == [("done", 20)]
