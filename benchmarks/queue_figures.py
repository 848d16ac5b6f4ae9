"""What benchmarks/queue.py reports: every figure from real processes on the given server.

Must not judge: targets stand in queue.py.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from payments_schema.database.migrate import migrate
from payments_schema.money import Money
from payments_schema.payments.store import NewPayment, create_many
from psycopg import AsyncConnection, Connection, sql

ROOT = Path(__file__).resolve().parents[1]
INTEROP = ROOT / "recon-worker" / "tests" / "interop"

ROUNDS = 3
STOCK_MESSAGES = 3_000
OUR_MESSAGES = 12_000
BATCHED_PAYMENTS = 12_000
BATCH = 50
SINGLE_PAYMENTS = 2_000
CALM_PAYMENTS = 300

_STOCK_TABLE = """
CREATE SCHEMA dramatiq;
CREATE TYPE dramatiq.state AS ENUM ('queued', 'consumed', 'rejected', 'done');
CREATE TABLE dramatiq.queue (
    message_id uuid PRIMARY KEY, queue_name text NOT NULL DEFAULT 'default', state dramatiq.state,
    mtime timestamptz DEFAULT (now() AT TIME ZONE 'UTC'), message jsonb,
    result jsonb, result_ttl timestamptz);
CREATE INDEX ON dramatiq.queue (state, mtime);
"""

_FILL = """
INSERT INTO dramatiq.queue (message_id, queue_name, state, message)
SELECT id, %(queue)s, 'queued', jsonb_build_object(
    'queue_name', %(queue)s::text, 'actor_name', 'see', 'args', jsonb_build_array(n), 'kwargs', '{}'::jsonb,
    'options', '{}'::jsonb, 'message_id', id, 'message_timestamp', 1)
FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, %(count)s) AS n) AS made
"""

# Between the first and the last tenth, by the time each job's unit of work began.
_RATE = """
WITH job AS (
    SELECT locked_at, ntile(10) OVER (ORDER BY locked_at) AS tenth
    FROM core.recon_job WHERE id > %(after)s)
SELECT count(*) / extract(epoch FROM max(locked_at) - min(locked_at))::float8
FROM job WHERE tenth BETWEEN 2 AND 9
"""


def measure(server: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Figures and ratios; makes its databases on the server and drops them."""
    stock_program = [_stock().python(), str(INTEROP / "stock_program.py")]
    figures: dict[str, Any] = _settings(server)
    with _database(server) as ours, _database(server) as stock:
        migrate(ours)
        with psycopg.connect(stock, autocommit=True) as conn:
            conn.execute(_STOCK_TABLE)
        stock_rates, our_rates = [], []
        for _ in range(ROUNDS):
            stock_rates.append(_noop(stock, STOCK_MESSAGES, stock_program))
            our_rates.append(_noop(ours, OUR_MESSAGES, [sys.executable, __file__]))
        batched = [_reconciliation(ours, BATCHED_PAYMENTS, BATCH) for _ in range(ROUNDS)]
        single = _reconciliation(ours, SINGLE_PAYMENTS, 1)
        calm = _calm(ours)
    figures |= {
        "stock_noop_per_s": round(statistics.median(stock_rates)),
        "noop_per_s": round(statistics.median(our_rates)),
        "reconciled_per_s_in_batches_of_50": round(statistics.median(batched)),
        "reconciled_per_s_one_by_one": round(single),
        "calm_p50_ms": round(calm[len(calm) // 2] * 1000, 2),
        "calm_p99_ms": round(calm[int(len(calm) * 0.99)] * 1000, 2),
    }
    ratios = {
        "noop_vs_stock": round(figures["noop_per_s"] / figures["stock_noop_per_s"], 2),
        "reconciliation_vs_stock_noop": round(statistics.median(batched) / figures["stock_noop_per_s"], 2),
    }
    return figures, ratios


def _settings(server: str) -> dict[str, Any]:
    with psycopg.connect(server) as conn:
        names = ["server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method"]
        rows = conn.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (names,)).fetchall()
    return dict(sorted(rows))


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"bench_queue_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _stock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stock", INTEROP / "stock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _noop(url: str, count: int, program: Sequence[str]) -> float:
    """Messages a second of one process with 8 threads, without the first and last tenth of the backlog."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("TRUNCATE dramatiq.queue")
        conn.execute(_FILL, {"queue": "noop", "count": count})
        conn.execute("VACUUM ANALYZE dramatiq.queue")
    done = subprocess.run(
        [*program, "rate", url, "noop", str(count)], capture_output=True, text=True, timeout=90, check=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["count"] == count, answer
    return float(answer["rate"])


def _reconciliation(url: str, count: int, batch: int) -> float:
    """Payments a second of one worker process with a backlog of messages of `batch` jobs."""
    with psycopg.connect(url, autocommit=True) as conn:
        after = conn.execute("SELECT coalesce(max(id), 0) FROM core.recon_job").fetchone()
        asyncio.run(_create(url, count, batch))
        conn.execute("VACUUM ANALYZE dramatiq.queue, core.recon_job, core.payment")
        with _worker(url):
            _until_reconciled(conn)
        rate = conn.execute(_RATE, {"after": after[0] if after else 0}).fetchone()
    assert rate is not None
    return float(rate[0])


async def _create(url: str, count: int, batch: int) -> None:
    async with await AsyncConnection.connect(url, autocommit=True) as conn:
        for first in range(0, count, batch):
            items = [_payment(first + offset) for offset in range(batch)]
            async with conn.transaction():
                await create_many(conn, "bench", items)


def _payment(number: int) -> NewPayment:
    return NewPayment(uuid.uuid4().hex, f"ACC-{number % 997:04d}", Money(100 + number % 100_000, "USD"))


def _until_reconciled(conn: Connection[Any]) -> None:
    deadline = time.monotonic() + 60
    while conn.execute("SELECT 1 FROM core.recon_job WHERE status = 'pending' LIMIT 1").fetchone():
        assert time.monotonic() < deadline, "not reconciled within 60 s"
        time.sleep(0.2)


@contextmanager
def _worker(url: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "recon_worker.main"],
        env={**os.environ, "DATABASE_URL": url, "BROKER_URL": "", "LOG_LEVEL": "INFO"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if '"worker ready"' in line:
                break
        else:
            raise RuntimeError("the worker did not become ready")
        # A full pipe would stop the worker in the midst of a line.
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        yield
        process.terminate()
        reader.join(20)
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stderr.close()


def _calm(url: str) -> list[float]:
    """Seconds from the commit of a payment to its being reconciled, one at a time, sorted."""

    async def observe() -> list[float]:
        waits: list[float] = []
        async with await AsyncConnection.connect(url, autocommit=True) as conn:
            for number in range(CALM_PAYMENTS + 20):
                async with conn.transaction():
                    created = await create_many(conn, "bench", [_payment(number)])
                begun_at = time.perf_counter()
                assert created[0].payment is not None
                while not await _is_final(conn, created[0].payment.id):  # noqa: ASYNC110 — another process ends it
                    await asyncio.sleep(0.0005)
                waits.append(time.perf_counter() - begun_at)
                await asyncio.sleep(0.01)
        return sorted(waits[20:])

    with _worker(url):
        return asyncio.run(observe())


async def _is_final(conn: AsyncConnection[Any], payment_id: uuid.UUID) -> bool:
    cursor = await conn.execute("SELECT status FROM core.payment WHERE id = %s", (payment_id,))
    row = await cursor.fetchone()
    return row is not None and row[0] != "pending"


def _consume(url: str, queue: str, count: int) -> None:
    """The child process: our broker with the worker's own middleware and 8 threads, as stock has."""
    import dramatiq
    from recon_worker.main import middleware
    from recon_worker.queue.broker import PostgresBroker
    from recon_worker.telemetry import Metrics, configure_logs

    configure_logs("WARNING")
    broker = PostgresBroker(url, middleware=middleware(Metrics()))
    times: list[float] = []

    def see(item: int) -> None:
        times.append(time.perf_counter())

    dramatiq.actor(see, broker=broker, queue_name=queue)
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=8)
    worker.start()
    deadline = time.monotonic() + 60
    while len(times) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.stop()
    broker.close()
    times.sort()
    low, high = int(len(times) * 0.1), int(len(times) * 0.9) - 1
    print(json.dumps({"count": len(times), "rate": (high - low) / (times[high] - times[low])}))


if __name__ == "__main__":
    _consume(sys.argv[2], sys.argv[3], int(sys.argv[4]))
