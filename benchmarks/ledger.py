"""Measures the ledger: batching, what a million entries cost, the full audit, 200 writers on one account.

Must run on durable settings; it reads them from the server and does not hold where they are off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ledger_books import GROWTH, audit_cost, growth
from ledger_hot import batching, hot_account
from ledger_load import DURABLE, durability, entry_count, load
from payments_schema.database import migrate
from payments_schema.database.urls import url_of
from payments_schema.testing import create_database, drop_database
from psycopg import AsyncConnection

TARGETS = {
    "set_based_to_single": {"at_least": 10.0},
    **{f"{name}_million_to_thousand": {"at_most": 1.2} for name in GROWTH},
    "full_audit_to_plain_aggregate": {"at_most": 10.0},
    "others_p99_busy_to_calm": {"at_most": 2.0},
    "lost_updates": {"at_most": 0.0},
    "surfaced_errors": {"at_most": 0.0},
}


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """A migrated database of its own on this (superuser's) server, dropped after."""
    name = create_database(server_url)
    try:
        migrate.migrate(url_of(server_url, name))
        yield url_of(server_url, name)
    finally:
        drop_database(server_url, name)


async def measure(small: str, large: str, other: str, *, quick: bool) -> dict[str, Any]:
    """All measurements; what is compared takes turns, so that others' work on the machine falls on both."""
    big, seconds, rounds, repeats = (100_000, 1.0, 3, 200) if quick else (1_000_000, 2.0, 5, 600)
    figures: dict[str, Any] = {"entries_large": big}
    figures |= await batching(other, seconds, 3)
    async with await AsyncConnection.connect(small) as conn:
        figures["server"] = await durability(conn)
        await load(conn, 1000)
    async with await AsyncConnection.connect(large) as conn:
        started = time.perf_counter()
        await load(conn, big)
        figures["load_s"] = round(time.perf_counter() - started, 1)
        figures["entries"] = await entry_count(conn)
    figures |= await audit_cost(large, rounds)
    figures |= await growth(small, large, repeats)
    return figures | await hot_account(large, seconds, rounds)


async def run(database_url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure in databases made for it on the server of this (superuser's) URL, and drop them after."""
    with database(database_url) as small, database(database_url) as large, database(database_url) as other:
        figures = await measure(small, large, other, quick=quick)
    at_1000, at_large = figures["at_1000"], figures["at_large"]
    ratios = {
        "set_based_to_single": round(statistics.median(figures["set_based_to_single_by_round"]), 2),
        **{
            f"{name}_million_to_thousand": round(at_large[f"{name}_us"] / at_1000[f"{name}_us"], 3)
            for name in GROWTH
        },
        "full_audit_to_plain_aggregate": statistics.median(figures["full_audit_to_plain_by_round"]),
        "others_p99_busy_to_calm": round(figures["others_p99_busy_ms"] / figures["others_p99_calm_ms"], 2),
        "lost_updates": figures["lost_updates"],
        "surfaced_errors": len(figures["surfaced_errors"]),
    }
    holds = all(figures["server"].get(name) == "on" for name in DURABLE) and all(
        target.get("at_least", ratios[name]) <= ratios[name] <= target.get("at_most", ratios[name])
        for name, target in TARGETS.items()
    )
    return {"bench": "ledger", "figures": figures, "ratios": ratios, "targets": TARGETS, "holds": holds}


def main() -> int:
    """Print the result; exit 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Measure the ledger on a durable Postgres.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a smaller ledger, for a first look")
    arguments = parser.parse_args()
    url = os.environ.get("BENCH_DATABASE_URL")
    if not url:
        sys.stderr.write("set BENCH_DATABASE_URL to a superuser's URL of a durable server\n")
        return 2
    result = asyncio.run(run(url, quick=arguments.quick))
    sys.stdout.write(json.dumps(result, indent=None if arguments.json else 2) + "\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
