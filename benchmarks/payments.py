"""Payments over HTTP against a no-op route of the same app, and batches against their own SQL, in one run.

Must not measure a warmed cache or a server that does not flush: the database is fresh, and the figures say
how durable its server is.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import load
import psycopg
from load import Plan, Report
from psycopg import sql

ROUNDS = 3
SECONDS = 2.0
CONNECTIONS = 32
BATCH_ITEMS = 1000
TARGETS = {"post_vs_noop": 0.6, "batch_vs_sql": 0.5, "calm_p99_ms": 25.0}
BODY = '{"accountId":"ACC-{account}","amount":"250.00","currency":"USD","description":"bench"}'
JSON_HEADERS = {"Content-Type": "application/json"}


def serve() -> None:
    """Run the real API with one more route, which takes the same key and body through the same layers."""
    from fastapi import APIRouter, Request, Response
    from payments_api import logs
    from payments_api.app import create_app
    from payments_api.http.auth import PAYERS
    from payments_api.http.door import Door, roles
    from payments_api.http.idempotency import IdempotencyKey
    from payments_api.main import serve as listen
    from payments_api.settings import load as load_settings
    from payments_schema.wire.payments import CreatePayment

    settings = load_settings()
    logs.configure(settings.log_level)
    app = create_app(settings)
    answer = json.dumps(
        {
            "id": str(uuid4()),
            "idempotency_key": "run-000000001",
            "account_id": "ACC-1",
            "amount": "250.00",
            "currency": "USD",
            "status": "pending",
            "description": "bench",
            "created_at": "2026-01-01T00:00:00.000000Z",
            "updated_at": "2026-01-01T00:00:00.000000Z",
        },
        separators=(",", ":"),
    ).encode()
    router = APIRouter(route_class=Door)

    async def noop(request: Request, key: IdempotencyKey, body: CreatePayment) -> Response:
        return Response(answer, 201, None, "application/json")

    # Annotations are texts in this module; FastAPI must find the names of this function.
    noop.__annotations__ = {
        "request": Request,
        "key": IdempotencyKey,
        "body": CreatePayment,
        "return": Response,
    }
    router.post("/bench/noop", status_code=201, openapi_extra=roles(PAYERS))(noop)
    app.include_router(router)
    listen(app, settings)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """A migrated database that is gone afterwards."""
    from payments_schema.database.migrate import migrate

    name = f"bench_payments_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = psycopg.conninfo.make_conninfo(server, dbname=name)
        parts = psycopg.conninfo.conninfo_to_dict(url)
        password = f":{parts['password']}" if parts.get("password") else ""
        address = f"postgresql://{parts['user']}{password}@{parts['host']}:{parts['port']}/{name}"
        try:
            migrate(address)
            yield address
        finally:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running_api(database_url: str, log: Path) -> Iterator[int]:
    """The API in a process of its own; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = cast("int", probe.getsockname()[1])
    environment = {k: v for k, v in os.environ.items() if k not in ("AUTH_MODE", "HOST", "ALLOWED_HOSTS")}
    environment |= {"DATABASE_URL": database_url, "PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve"],
            stdout=output,
            stderr=output,
            env=environment,
        )
    try:
        _wait_until_open(port, process, log)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the API did not start: {log.read_text()[-2000:]}")


async def singles(port: int) -> dict[str, Any]:
    """Closed loop, no-op and payment by turns; then a third of the peak on schedule."""
    rates: dict[str, list[float]] = {"/bench/noop": [], "/payments": []}
    for _ in range(ROUNDS):
        for path, found in rates.items():
            report = await _drive(port, path, CONNECTIONS)
            found.append(report.rate)
    noop, post = (statistics.median(rates[path]) for path in ("/bench/noop", "/payments"))
    # Three runs, the middle one: a neighbour's disk flush of one of them is not ours.
    calm = [await _drive(port, "/payments", CONNECTIONS, rate=post / 3) for _ in range(ROUNDS)]
    middle = sorted(calm, key=lambda report: report.p99_ms)[ROUNDS // 2]
    return {
        "noop_per_s": round(noop),
        "post_per_s": round(post),
        "noop_rounds": rates["/bench/noop"],
        "post_rounds": rates["/payments"],
        "calm_rate_per_s": middle.rate,
        "calm_p50_ms": middle.p50_ms,
        "calm_p99_ms": middle.p99_ms,
        "calm_max_ms": middle.max_ms,
    }


async def _drive(port: int, path: str, connections: int, rate: float = 0.0) -> Report:
    run = uuid4().hex[:10]
    plan = Plan(
        port=port,
        path=path,
        body=BODY.replace("{account}", "7"),
        headers={**JSON_HEADERS, "Idempotency-Key": "{n}"},
        connections=connections,
        seconds=SECONDS,
        rate=rate,
        run=run,
    )
    return _checked(await load.run_apart(plan), "201")


def _checked(report: Report, status: str) -> Report:
    if report.failures or set(report.statuses) - {status}:
        raise RuntimeError(f"not every answer was {status}: {report.statuses}, {report.failures} failures")
    return report


async def batches(port: int, database_url: str) -> dict[str, Any]:
    """The batch endpoint and the very SQL call that it makes, by turns, each on one connection."""
    items = [
        {"idempotencyKey": f"{{n}}-{i}", "accountId": f"ACC-{i}", "amount": "250.00", "currency": "USD"}
        for i in range(BATCH_ITEMS)
    ]
    over_http: list[float] = []
    by_sql: list[float] = []
    async with _connection(database_url) as conn:
        for _ in range(ROUNDS):
            by_sql.append(await _batches_by_sql(conn))
            plan = Plan(
                port=port,
                path="/payments/batch",
                body=json.dumps({"payments": items}),
                headers=JSON_HEADERS,
                connections=1,
                seconds=SECONDS,
                warmup_s=0.2,
                run=uuid4().hex[:10],
            )
            report = _checked(await load.run_apart(plan), "200")
            over_http.append(report.rate * BATCH_ITEMS)
    return {
        "batch_per_s": round(statistics.median(over_http)),
        "batch_sql_per_s": round(statistics.median(by_sql)),
        "batch_rounds": over_http,
        "batch_sql_rounds": [round(rate) for rate in by_sql],
    }


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    conn = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
    try:
        yield conn
    finally:
        await conn.close()


async def _batches_by_sql(conn: psycopg.AsyncConnection[Any]) -> float:
    from payments_schema.money import Money
    from payments_schema.payments import store

    run, money = uuid4().hex[:10], Money(25000, "USD")
    started, made = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        items = [store.NewPayment(f"{run}-{made + i}", f"ACC-{i}", money) for i in range(BATCH_ITEMS)]
        await store.create_many(conn, "local", items, route="POST /payments/batch")
        made += BATCH_ITEMS
    return made / (time.perf_counter() - started)


async def measure(server: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Give figures and ratios."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(server) as url:
        async with _connection(url) as conn:
            settings = {
                name: await _setting(conn, name)
                for name in ("fsync", "synchronous_commit", "full_page_writes")
            }
        with running_api(url, Path(folder) / "api.log") as port:
            figures = settings | {"cores": os.cpu_count()} | await singles(port) | await batches(port, url)
    ratios = {
        "post_vs_noop": round(figures["post_per_s"] / figures["noop_per_s"], 3),
        "batch_vs_sql": round(figures["batch_per_s"] / figures["batch_sql_per_s"], 3),
    }
    return figures, ratios


async def _setting(conn: psycopg.AsyncConnection[Any], name: str) -> str:
    row = await (await conn.execute("SELECT current_setting(%s)", [name])).fetchone()
    return str(row[0]) if row else ""


def main() -> int:
    """Print one JSON object (`--json`) or a table; 0 where every target holds."""
    if "--serve" in sys.argv[1:]:
        serve()
        return 0
    server = os.environ.get("BENCH_DATABASE_URL")
    if not server:
        print("BENCH_DATABASE_URL is not set: the URL of a superuser on a durable server", file=sys.stderr)
        return 2
    figures, ratios = asyncio.run(measure(server))
    holds = (
        all(ratios[name] >= TARGETS[name] for name in ratios)
        and figures["calm_p99_ms"] <= TARGETS["calm_p99_ms"]
        and figures["fsync"] == figures["synchronous_commit"] == "on"
    )
    targets = {name: f"{'>=' if name in ratios else '<='} {value:g}" for name, value in TARGETS.items()}
    result = {"bench": "payments", "figures": figures, "ratios": ratios, "targets": targets, "holds": holds}
    if "--json" in sys.argv[1:]:
        print(json.dumps(result, indent=2))
    else:
        for name, value in {**figures, **ratios}.items():
            print(f"{name:<24} {value!s:>32}  {targets.get(name, '')}".rstrip())
        print("holds" if holds else "a target is missed")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
