"""Card payments over HTTP: authorize, capture and settle against a no-op route of the same application.

Must not be run against a database that is worth anything, and must not compare figures of different runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import psycopg
from load import Plan, Report, run_apart

TARGETS = {"authorize_vs_noop": 0.4, "capture_vs_noop": 0.4, "settle_vs_noop": 0.4}
CONNECTIONS = 32
ROUNDS = 3
# A later step works on what the one before it left, so each runs shorter than that.
SECONDS = {"noop": 2.0, "authorize": 4.0, "capture": 2.6, "settle": 1.6}
ACCOUNTS = 1000
NOOP = "/bench/no-op"
_NOTHING = b'{"object":"nothing"}'


def serve(port: int) -> int:
    """Run the application with one route more: the same body, the same door, and nothing behind it."""
    from fastapi import Response
    from payments_api import main, settings
    from payments_api.app import create_app
    from payments_api.cards.routes import Wished
    from payments_api.http.auth import PAYERS
    from payments_api.http.door import Door, roles
    from payments_schema.wire.cards import AuthorizeCard

    async def answer_nothing(wish: Any, body: Any) -> Response:
        return Response(_NOTHING, 201, media_type="application/json")

    answer_nothing.__annotations__ = {"wish": Wished, "body": AuthorizeCard, "return": Response}
    os.environ["PORT"] = str(port)
    loaded = settings.load()
    app = create_app(loaded)
    app.router.routes.append(
        Door(NOOP, answer_nothing, methods=["POST"], status_code=201, openapi_extra=roles(PAYERS))
    )
    main.serve(app, loaded)
    return 0


def measure(server: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Make a database, start the application, load it, and take everything away again."""
    from payments_schema.database import migrate
    from payments_schema.testing import create_database, drop_database, url_of

    name = create_database(server)
    try:
        url = url_of(server, name)
        migrate.migrate(url)
        port = _free_port()
        environment = {**os.environ, "DATABASE_URL": url, "LOG_LEVEL": "error", "RATE_LIMIT_PER_S": "0"}
        api = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_until_ready(port)
            reports = [asyncio.run(_round(port, url, number)) for number in range(ROUNDS)]
        finally:
            api.send_signal(signal.SIGTERM)
            api.wait(20)
        return _figures(reports, url)
    finally:
        drop_database(server, name)


async def _round(port: int, url: str, number: int) -> dict[str, Report]:
    body = json.dumps({"amount": 1250, "currency": "USD", "account_id": "ACC-{n}"})
    base = "/api/v1/payments"
    reports = {"noop": await _load(port, NOOP, body, "noop")}
    reports["authorize"] = await _load(port, f"{base}/authorize", body, "authorize")
    held = _payments(url, "authorized")
    reports["capture"] = await _load(port, f"{base}/{{value}}/capture", '{"amount":1250}', "capture", held)
    taken = _payments(url, "captured")
    reports["settle"] = await _load(port, f"{base}/{{value}}/settle", "{}", "settle", taken)
    for step, report in reports.items():
        wanted = {"201"} if step in ("noop", "authorize") else {"200"}
        if set(report.statuses) != wanted or report.failures:
            raise RuntimeError(f"round {number}, {step}: {report.statuses}, {report.failures} failures")
    return reports


async def _load(port: int, path: str, body: str, step: str, values: list[str] | None = None) -> Report:
    return await run_apart(
        Plan(
            port=port,
            path=path,
            body=body,
            headers={"Content-Type": "application/json", "Idempotency-Key": f"{step}-{uuid4().hex}-{{n}}"},
            connections=CONNECTIONS,
            seconds=SECONDS[step],
            warmup_s=0.3,
            values=values or [],
            run=str(os.getpid()),
        )
    )


def _payments(url: str, status: str) -> list[str]:
    with psycopg.connect(url) as conn:
        return [
            row[0] for row in conn.execute("SELECT id FROM core.card_payment WHERE status = %s", [status])
        ]


def _figures(rounds: list[dict[str, Report]], url: str) -> tuple[dict[str, Any], dict[str, float]]:
    figures: dict[str, Any] = {"connections": CONNECTIONS, "rounds": ROUNDS}
    ratios: dict[str, float] = {}
    for step in SECONDS:
        figures[f"{step}_per_s"] = round(statistics.median(one[step].rate for one in rounds))
        figures[f"{step}_p99_ms"] = statistics.median(one[step].p99_ms for one in rounds)
        if step != "noop":
            by_round = [one[step].rate / one["noop"].rate for one in rounds]
            ratios[f"{step}_vs_noop"] = round(statistics.median(by_round), 3)
    with psycopg.connect(url) as conn:
        figures |= dict(
            conn.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')"
            ).fetchall()
        )
        (count,) = conn.execute("SELECT count(*) FROM core.card_payment").fetchone() or (0,)
        (entries,) = conn.execute("SELECT count(*) FROM ledger.entry").fetchone() or (0,)
    return figures | {"payments": count, "entries": entries}, ratios


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=1):  # noqa: S310 (loopback)
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main() -> int:
    """Print one JSON object (`--json`) or a table; 0 where every target holds."""
    if sys.argv[1:2] == ["--serve"]:
        return serve(int(sys.argv[2]))
    server = os.environ.get("BENCH_DATABASE_URL")
    if not server:
        print("BENCH_DATABASE_URL is not set: the URL of a superuser on a durable server", file=sys.stderr)
        return 2
    figures, ratios = measure(server)
    holds = all(ratios[name] >= least for name, least in TARGETS.items())
    targets = {name: f">= {least:g}" for name, least in TARGETS.items()}
    result = {"bench": "cards", "figures": figures, "ratios": ratios, "targets": targets, "holds": holds}
    if "--json" in sys.argv[1:]:
        print(json.dumps(result, indent=2))
    else:
        for name, value in {**figures, **ratios}.items():
            print(f"{name:<28} {value!s:>12}  {targets.get(name, '')}".rstrip())
        print("holds" if holds else "a target is missed")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
