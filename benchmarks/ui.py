"""The pages: a list and one payment at a thousand and at a million, a story, ten operators live, a refresh.

Runs the real API and pages on databases of its own, in the system's Chromium. Must not count a page before
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
from typing import Any, NamedTuple

import httpx
import psutil
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

SIZES = {"thousand": 1_000, "million": 1_000_000}
# One opening takes up to half as long again as another: the middle of fewer tells no tenth of a second.
OPENINGS = 15
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


def fill(url: str, until: int) -> str:
    """Make payments, as settled as a database is some time after; return the id of one in their middle."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(FILL, {"since": 1, "until": until})
        conn.execute("VACUUM (ANALYZE) core.payment")
        conn.execute("VACUUM (ANALYZE) core.reconciliation_result")
        conn.execute("CHECKPOINT")
        row = conn.execute(
            "SELECT id::text FROM core.payment ORDER BY id DESC OFFSET %s LIMIT 1", [min(500, until // 2)]
        ).fetchone()
    assert row is not None
    return str(row[0])


def opened_s(browser: Browser, addresses: dict[str, str], content: str) -> dict[str, float]:
    """Seconds until each page, open for nobody, shows its content; the middle of several.

    The pages take turns, so that what else the machine does falls on all of them alike.
    """
    taken: dict[str, list[float]] = {name: [] for name in addresses}
    for turn in range(OPENINGS + 1):
        for name in sorted(addresses, reverse=bool(turn % 2)):
            with browser.new_context() as context:
                page = context.new_page()
                began = time.perf_counter()
                page.goto(addresses[name], wait_until="commit")
                page.wait_for_selector(content, timeout=60_000)
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(several[1:]) for name, several in taken.items()}


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
            page.wait_for_selector("#root .pay-table tbody tr", timeout=60_000)
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


class Stand(NamedTuple):
    """The programs on one database, and a payment of it."""

    api: str
    ui: str
    pages: psutil.Process
    one: str


@contextlib.contextmanager
def stand(url: str, size: int) -> Iterator[Stand]:
    """A filled database with the API and the pages in front of it."""
    sys.stderr.write(f"filling up to {size:,} payments\n")
    one = fill(url, size)
    ports = {"api": free_port(), "ui": free_port()}
    api, ui = (f"http://127.0.0.1:{ports[name]}" for name in ("api", "ui"))
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
    ):
        yield Stand(api, ui, pages, one)


def measure(urls: dict[str, str]) -> dict[str, float]:
    """All figures; urls: an empty database for each size."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("no browser found: `apt-get install chromium` (or set CHROMIUM to the path of one)")
    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=path, args=FLAGS)
        large = stack.enter_context(stand(urls["million"], SIZES["million"]))
        with stand(urls["thousand"], SIZES["thousand"]) as small:
            figures = both(browser, {"thousand": small, "million": large})
        figures |= live(browser, large.ui, large.api, large.pages)
        browser.close()
    return figures


def both(browser: Browser, stands: dict[str, Stand]) -> dict[str, float]:
    """What is measured at each size, and compared."""
    lists = {name: f"{on.ui}/payments" for name, on in stands.items()}
    single = {name: f"{on.ui}/payment?id={on.one}" for name, on in stands.items()}
    asked_for = {
        "list": opened_s(browser, lists, ".pay-table tbody tr"),
        "payment": opened_s(browser, single, ".pay-big"),
        # Not what is seen first, but when Streamlit has taken over: filters, buttons and the live list.
        "ready_list": opened_s(browser, lists, "#root .pay-table tbody tr"),
        "ready_payment": opened_s(browser, single, "#root .pay-big"),
    }
    figures = {f"{what}_at_a_{name}_s": taken for what, of in asked_for.items() for name, taken in of.items()}
    return figures | {f"story_at_a_{name}_p95_s": told_s(on.api, on.one) for name, on in stands.items()}


def run(server: str) -> dict[str, Any]:
    """The result as every benchmark prints it."""
    from payments_schema.database.migrate import migrate
    from payments_schema.database.urls import url_of
    from payments_schema.testing import create_database, drop_database

    with contextlib.ExitStack() as stack:
        urls: dict[str, str] = {}
        for size in SIZES:
            name = create_database(server)
            stack.callback(drop_database, server, name)
            urls[size] = url_of(server, name)
            migrate(urls[size])
        figures = measure(urls)
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
