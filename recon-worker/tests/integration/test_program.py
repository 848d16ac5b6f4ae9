"""The program as it is run: settings, readiness, drain, and kill -9 with payments open."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from payments_schema.ledger.audit import integrity
from payments_schema.money import Money
from payments_schema.payments.store import NewPayment, create_many
from psycopg import AsyncConnection, Connection
from recon_waiting import eventually

COMMAND = [sys.executable, "-m", "recon_worker.main"]
FAST = {"QUEUE_HEARTBEAT_S": "0.1", "QUEUE_LEASE_S": "0.6", "RECON_SWEEP_S": "0.5"}


class Program:
    """A recon-worker; ready when it is here."""

    def __init__(self, url: str, env: dict[str, str]) -> None:
        self.popen = subprocess.Popen(
            COMMAND, env={**os.environ, "DATABASE_URL": url, **FAST, **env}, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == "worker ready":
                return
        raise AssertionError(self.lines)

    def kill(self) -> None:
        self.popen.kill()
        self.close()

    def stop(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        assert self.popen.stderr is not None
        self.lines.extend(json.loads(line) for line in self.popen.stderr)
        return self.popen.wait(timeout=60)

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        assert self.popen.stderr is not None
        self.popen.stderr.close()


Start = Callable[..., Program]


@pytest.fixture
def start(database_url: str) -> Iterator[Start]:
    with ExitStack() as stack:

        def run(**env: str) -> Program:
            program = Program(database_url, env)
            stack.callback(program.close)
            return program

        yield run


def pay(url: str, count: int, *, batch: int) -> None:
    async def create() -> None:
        async with await AsyncConnection.connect(url, autocommit=True) as conn:
            for first in range(0, count, batch):
                items = [
                    NewPayment(uuid.uuid4().hex, f"ACC-{n % 7}", Money(n * 13, "USD"))
                    for n in range(first, first + batch)
                ]
                async with conn.transaction():
                    await create_many(conn, "test", items)

    asyncio.run(create())


def statuses(sql: Connection[Any]) -> dict[str, int]:
    return dict(sql.execute("SELECT status, count(*) FROM recon_jobs GROUP BY 1").fetchall())


def is_whole(url: str) -> bool:
    async def look() -> bool:
        async with await AsyncConnection.connect(url) as conn:
            return (await integrity(conn)).ok

    return asyncio.run(look())


def test_payments_are_reconciled_and_sigterm_drains(
    start: Start, database_url: str, sql: Connection[Any]
) -> None:
    program = start()
    pay(database_url, 200, batch=50)
    pay(database_url, 20, batch=1)
    eventually(lambda: statuses(sql) == {"completed": 220})
    stopped_at = time.monotonic()
    assert program.stop() == 0
    assert time.monotonic() - stopped_at < 20
    assert program.lines[-1]["event"] == "worker stopped"
    assert sql.execute("SELECT count(*) FROM dramatiq.worker").fetchone() == (0,)
    assert is_whole(database_url)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_health_and_metrics(start: Start, database_url: str, sql: Connection[Any]) -> None:
    port = free_port()
    start(WORKER_HEALTH_PORT=str(port))

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    assert json.loads(get("/health")) == {"status": "ok"}
    pay(database_url, 5, batch=5)
    eventually(lambda: statuses(sql) == {"completed": 5})
    wanted = 'recon_jobs_total{verdict="completed"} '
    eventually(lambda: wanted in get("/metrics"))
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get("/else")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"WORKER_THREADS": "none"}, "recon-worker: WORKER_THREADS: Input should be a valid integer"),
        ({"DATABASE_URL": ""}, "recon-worker: DATABASE_URL is not set, nor PGHOST"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_2(env: dict[str, str], said: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        COMMAND, env={**inherited, "DATABASE_URL": "postgresql://x", **env}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(said)
    assert len(done.stderr.splitlines()) == 1


def test_a_taken_port_is_named(database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = {**os.environ, "DATABASE_URL": database_url, "WORKER_HEALTH_PORT": str(port)}
        done = subprocess.run(COMMAND, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"recon-worker: WORKER_HEALTH_PORT: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    )


def test_it_waits_for_a_database_that_is_not_there_and_stops_when_told() -> None:
    process = subprocess.Popen(
        COMMAND,
        env={**os.environ, "DATABASE_URL": "postgresql://x@127.0.0.1:1/x"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("lost the database" in line for line in process.stderr)
    process.terminate()
    process.stderr.read()
    assert process.wait(timeout=60) == 0
    process.stderr.close()


def kill_with_payments_open(
    start: Start, url: str, sql: Connection[Any], *, seed: int, kills: int, payments: int
) -> None:
    dice = random.Random(seed)
    workers = [start(), start()]
    for _ in range(kills):
        pay(url, payments // kills // 10 * 10, batch=10)
        time.sleep(dice.uniform(0.0, 0.08))
        index = dice.randrange(2)
        workers[index].kill()
        workers[index] = start()
    total = payments // kills // 10 * 10 * kills
    eventually(lambda: statuses(sql) == {"completed": total}, within_s=60)
    entries = "SELECT count(*), count(DISTINCT payment_id) FROM reconciliation_results"
    assert sql.execute(entries).fetchone() == (total, total), f"seed {seed}"
    assert is_whole(url), f"seed {seed}"


def test_kill_9_with_payments_open_reconciles_each_once(
    start: Start, database_url: str, sql: Connection[Any]
) -> None:
    kill_with_payments_open(start, database_url, sql, seed=20261121, kills=5, payments=1000)


@pytest.mark.long
def test_two_hundred_kills_reconcile_each_once(start: Start, database_url: str, sql: Connection[Any]) -> None:
    kill_with_payments_open(start, database_url, sql, seed=time.time_ns(), kills=200, payments=40_000)


@pytest.mark.long
def test_a_backlog_of_thirty_thousand_takes_no_locks(
    start: Start, database_url: str, sql: Connection[Any]
) -> None:
    """Stock dramatiq-pg holds a lock per message and stops at some 12,800."""
    pay(database_url, 30_000, batch=1)
    start()
    most = 0
    deadline = time.monotonic() + 120
    while statuses(sql) != {"completed": 30_000}:
        assert time.monotonic() < deadline
        row = sql.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
        most = max(most, row[0] if row else 0)
        time.sleep(0.2)
    assert most <= 1
