"""What the queue's tests share: a broker in this process, and worker processes of their own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dramatiq
import psycopg
import pytest
from dramatiq.middleware import Retries
from payments_schema.testing import url_of
from psycopg import Connection
from recon_waiting import eventually

from recon_worker.queue.broker import PostgresBroker

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def sql(database_url: str) -> Iterator[Connection[Any]]:
    """A connection of the test's own, autocommit."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def superuser(server_url: str, database_name: str) -> Iterator[Connection[Any]]:
    """Who may end other people's connections, in the test's database."""
    with psycopg.connect(url_of(server_url, database_name), autocommit=True) as conn:
        yield conn


@pytest.fixture
def queue_state(sql: Connection[Any]) -> Callable[[], dict[str, int]]:
    """Rows of the queue by state."""

    def read() -> dict[str, int]:
        return dict(sql.execute("SELECT state::text, count(*) FROM dramatiq.queue GROUP BY 1").fetchall())

    return read


@pytest.fixture
def make_broker(database_url: str) -> Iterator[Callable[..., PostgresBroker]]:
    """Brokers that are closed after the test."""
    with ExitStack() as stack:

        def make(url: str = database_url, **options: Any) -> PostgresBroker:
            options.setdefault("middleware", [Retries(max_retries=3, min_backoff=20, max_backoff=200)])
            broker = PostgresBroker(url, **options)
            stack.callback(broker.close)
            return broker

        yield make


@pytest.fixture
def run_worker() -> Iterator[Callable[..., dramatiq.Worker]]:
    """Dramatiq workers in this process, stopped after the test."""
    with ExitStack() as stack:

        def run(broker: PostgresBroker, *, threads: int = 4, **options: Any) -> dramatiq.Worker:
            worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=250, **options)
            worker.start()
            stack.callback(worker.stop)
            eventually(lambda: broker.is_ready)
            return worker

        yield run


class WorkerProcess:
    """A worker in a process of its own; it has said `ready` when it is here, unless that is not awaited."""

    def __init__(self, command: list[str], env: dict[str, str], *, is_awaited: bool = True) -> None:
        self.popen = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if is_awaited:
            try:
                assert self.popen.stdout is not None
                ready, _, _ = select.select([self.popen.stdout], [], [], 15)
                assert ready
                assert self.popen.stdout.readline().strip() == "ready"
            except AssertionError:
                self.close()
                raise

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> int:
        self.popen.terminate()
        return self.popen.wait(timeout=60)

    def close(self) -> None:
        if self.popen.poll() is None:
            self.kill()
        if self.popen.stdout is not None:
            self.popen.stdout.close()


@pytest.fixture
def start_process(database_url: str, owner_url: str) -> Iterator[Callable[..., WorkerProcess]]:
    """Worker processes of programs/queue_worker.py with a table for their marks."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("CREATE TABLE public.mark (item int, pid int, at timestamptz DEFAULT clock_timestamp())")
        conn.execute("GRANT ALL ON public.mark TO public")
    with ExitStack() as stack:

        def start(
            queue: str = "marks", url: str = database_url, *, is_awaited: bool = True, **env: str
        ) -> WorkerProcess:
            command = [sys.executable, str(PROGRAMS / "queue_worker.py"), url, queue]
            process = WorkerProcess(command, env, is_awaited=is_awaited)
            stack.callback(process.close)
            return process

        yield start
