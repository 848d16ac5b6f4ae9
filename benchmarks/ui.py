"""The pages: a list and one payment at a thousand and at a million, a story, ten operators live, a refresh.

Runs the real API and pages on a database of its own, in the system's Chromium. Must not count a page before
its content is there, and must not show a figure that was read while it loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

SMALL, LARGE = 1_000, 1_000_000
OPENINGS = 7
TELLINGS = 40
OPERATORS = 10
WATCHED_S = 15.0
READY_S = 90.0
BIN = Path(sys.executable).parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TARGETS = {
    "list_million_to_thousand": ("ratios", 1.2),
    "payment_million_to_thousand": ("ratios", 1.2),
    "list_at_a_million_s": ("figures", 1.5),
    "payment_at_a_million_s": ("figures", 1.5),
    "story_at_a_million_p95_s": ("figures", 0.5),
    "api_requests_per_s_of_ten_operators": ("figures", 50),
    "ui_process_share_of_a_core": ("figures", 0.6),
    "bytes_per_refresh_and_row": ("figures", 2_000),
}
# Payments as the worker leaves them; ids are ordered by time, one a millisecond up to now.
FILL = """
WITH made AS (
    INSERT INTO core.payment (id, client, idempotency_key, account_id, amount_minor, currency, status)
    SELECT uuidv7(make_interval(secs => -(%(until)s - n) / 1000.0)), 'bench', 'bench-' || n,
        'ACC-' || n %% 5000, 100 + n, 'USD', 'completed'
    FROM generate_series(%(since)s::bigint, %(until)s::bigint) AS n
    RETURNING id)
INSERT INTO core.reconciliation_result (payment_id, recon_job_id, status, matched, notes)
SELECT id, 1, 'completed', true, 'Successfully reconciled' FROM made
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def program(name: str, ready: str, **env: str) -> Iterator[psutil.Process]:
    """A console script that is ready, and stopped afterwards."""
    process = subprocess.Popen(
        [str(BIN / name)], env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(ready, trust_env=False).status_code == 200:
                    break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{name} did not become ready")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def fill(url: str, since: int, until: int) -> str:
    """Add payments, as settled as a database is some time after; return the id of one in their middle."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(FILL, {"since": since, "until": until})
        conn.execute("VACUUM (ANALYZE) core.payment")
        conn.execute("VACUUM (ANALYZE) core.reconciliation_result")
        conn.execute("CHECKPOINT")
        row = conn.execute(
            "SELECT id::text FROM core.payment ORDER BY id DESC OFFSET %s LIMIT 1", [min(500, until // 2)]
        ).fetchone()
    assert row is not None
    return str(row[0])


def opened_s(browser: Browser, base: str, path: str, content: str) -> float:
    """Seconds until a page that nobody has open shows its content; the middle of several."""
    taken: list[float] = []
    for _ in range(OPENINGS + 1):
        with browser.new_context(base_url=base) as context:
            page = context.new_page()
            began = time.perf_counter()
            page.goto(path, wait_until="commit")
            page.wait_for_selector(content, timeout=60_000)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def told_s(api: str, payment_id: str) -> float:
    """Seconds until the API has told a payment's whole story; 95 of 100 were sooner."""
    taken: list[float] = []
    with httpx.Client(base_url=api, trust_env=False) as client:
        for _ in range(TELLINGS):
            began = time.perf_counter()
            client.get(f"/api/v1/operations/payments/{payment_id}").raise_for_status()
            taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=20)[-1]


def asked(api: str) -> float:
    """How many requests the API has answered, without these."""
    lines = httpx.get(f"{api}/metrics", trust_env=False).text.splitlines()
    counted = [line for line in lines if line.startswith("http_server_request_duration_seconds_count")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counted if "/metrics" not in line)


def live(browser: Browser, base: str, api: str, pages: psutil.Process) -> dict[str, float]:
    """Ten operators look at a live list: what that costs the API, the pages' process and the wire."""
    with contextlib.ExitStack() as stack:
        received: list[int] = []
        for _ in range(OPERATORS):
            context = stack.enter_context(browser.new_context(base_url=base))
            page = context.new_page()
            page.on(
                "websocket", lambda wire: wire.on("framereceived", lambda frame: received.append(len(frame)))
            )
            page.goto("/payments")
            page.wait_for_selector(".pay-table tbody tr", timeout=60_000)
        settle(page, 4.0)
        received.clear()
        requests, cpu, began = asked(api), sum(pages.cpu_times()[:2]), time.monotonic()
        settle(page, WATCHED_S)
        took = time.monotonic() - began
        made = asked(api) - requests
        return {
            "api_requests_per_s_of_ten_operators": made / took,
            "ui_process_share_of_a_core": (sum(pages.cpu_times()[:2]) - cpu) / took,
            "bytes_per_refresh_and_row": sum(received) / max(1.0, made) / 50,
        }


def settle(page: Page, seconds: float) -> None:
    """Let time pass with the browser's events handled."""
    page.wait_for_timeout(seconds * 1000)


def measure(url: str) -> dict[str, float]:
    """All figures on one database: first small, then large."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("no browser found: `apt-get install chromium` (or set CHROMIUM to the path of one)")
    ports = {"api": free_port(), "ui": free_port()}
    api, ui = (f"http://127.0.0.1:{ports[name]}" for name in ("api", "ui"))
    figures: dict[str, float] = {}
    shared = {"DATABASE_URL": url, "HOST": "127.0.0.1", "AUTH_MODE": "open", "RATE_LIMIT_PER_S": "0"}
    with (
        program("payments-api", f"{api}/health", PORT=str(ports["api"]), **shared),
        program(
            "payments-ui",
            f"{ui}/_stcore/health",
            PORT=str(ports["ui"]),
            HOST="127.0.0.1",
            PAYMENTS_API_URL=api,
        ) as pages,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, since, until in (("thousand", 1, SMALL), ("million", SMALL + 1, LARGE)):
            sys.stderr.write(f"filling up to {until:,} payments\n")
            one = fill(url, since, until)
            figures[f"list_at_a_{name}_s"] = opened_s(browser, ui, "/payments", ".pay-table tbody tr")
            figures[f"story_at_a_{name}_p95_s"] = told_s(api, one)
            figures[f"payment_at_a_{name}_s"] = opened_s(browser, ui, f"/payment?id={one}", ".pay-big")
        figures |= live(browser, ui, api, pages)
        browser.close()
    return figures


def run(server: str) -> dict[str, Any]:
    """The result as every benchmark prints it."""
    from payments_schema.database.migrate import migrate
    from payments_schema.database.urls import url_of
    from payments_schema.testing import create_database, drop_database

    name = create_database(server)
    try:
        url = url_of(server, name)
        migrate(url)
        figures = measure(url)
    finally:
        drop_database(server, name)
    ratios = {
        f"{what}_million_to_thousand": figures[f"{what}_at_a_million_s"] / figures[f"{what}_at_a_thousand_s"]
        for what in ("list", "payment")
    }
    found = {"figures": figures, "ratios": ratios}
    return {
        "bench": "ui",
        **found,
        "targets": {key: {"at_most": most} for key, (_, most) in TARGETS.items()},
        "holds": all(found[section][key] <= most for key, (section, most) in TARGETS.items()),
    }


def main() -> int:
    """Print the result; exit 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Measure the pages on a durable Postgres.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    server = os.environ.get("BENCH_DATABASE_URL")
    if not server:
        sys.stderr.write("set BENCH_DATABASE_URL to a superuser's URL of a durable server\n")
        return 2
    result = run(server)
    sys.stdout.write(json.dumps(result, indent=None if arguments.json else 2) + "\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
