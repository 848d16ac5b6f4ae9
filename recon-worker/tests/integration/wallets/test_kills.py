"""kill -9 of worker and simulator in the middle: nobody is paid twice, nothing is lost, books equal."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg.sql
import pytest
from payments_schema import ids
from payments_schema.jobs import store as jobs
from payments_schema.wallets import lifecycle, store
from payments_schema.wire.wallets import InitiateWallet
from psycopg import AsyncConnection, Connection
from recon_waiting import eventually
from wallets.test_conformance import free_port

from recon_worker.wallets.assembly import now_utc

PHONES = ("0243123499", "0243123451", "0243123455", "0243123464", "0203123499")
COUNT = 100


class Program:
    """A program that can be killed and started again."""

    def __init__(self, command: list[str], **env: str) -> None:
        self.command, self.env = command, env
        self.popen: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.popen = subprocess.Popen(
            self.command,
            env={**os.environ, **self.env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait()


@pytest.fixture
def run() -> Iterator[Callable[..., Program]]:
    """Programs that are gone after the test."""
    with ExitStack() as stack:

        def start(command: list[str], **env: str) -> Program:
            program = Program(command, **env)
            stack.callback(program.kill)
            return program

        yield start


async def put(url: str, count: int) -> None:
    now = now_utc()
    changes = [
        lifecycle.initiate(
            ids.new_id("pay"),
            "test",
            InitiateWallet.model_validate(
                {
                    "amount": f"{10 + number}.00",
                    "recipient_phone": PHONES[number % len(PHONES)],
                    "recipient_name": "Ama",
                    # With Telecel a collection would wait for its payer's voucher.
                    **({"direction": "collect", "provider": "mtn"} if number % 10 == 0 else {}),
                }
            ),
            "mtn" if number % len(PHONES) != 4 else "telecel",
            lifecycle.Limits(),
            now,
            None,
        )
        for number in range(count)
    ]
    async with await AsyncConnection.connect(url) as conn:
        await store.save(conn, changes)
        await jobs.enqueue(conn, "wallets", "pull_wallets", [])


def test_worker_and_simulator_are_killed_in_the_middle(
    sql: Connection[Any],
    database_url: str,
    tmp_path: Path,
    run: Callable[..., Program],
) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    journal = ["--port", str(port), "--journal", str(tmp_path / "transfers.jsonl")]
    simulator = run([sys.executable, "-m", "devtools.simulators", *journal])
    env = {
        "DATABASE_URL": database_url,
        "WALLET_PROVIDERS_URL": base,
        "WALLET_CONNECT_S": "0.5",
        "WALLET_READ_S": "0.5",
        "WALLET_LEASE_S": "4",
        "WALLET_SWEEP_S": "0.5",
        "WALLET_POLL_MS": "100",
        "WALLET_IN_FLIGHT": "20",
        "QUEUE_HEARTBEAT_S": "0.5",
        "QUEUE_LEASE_S": "1.5",
    }
    worker = run([sys.executable, "-m", "recon_worker.main"], **env)
    eventually(lambda: _is_up(base), within_s=120)
    httpx.put(f"{base}/_control/knobs", json={"all": {"latency_ms": 60}}, trust_env=False)
    asyncio.run(put(database_url, COUNT))
    eventually(lambda: _count(sql, "status = 'CONFIRMED'") >= COUNT // 10, within_s=120)
    worker.kill()
    assert _count(sql, "status IN ('CONFIRMED', 'FAILED')") < COUNT
    worker.start()
    eventually(lambda: _count(sql, "status = 'CONFIRMED'") >= COUNT // 3, within_s=120)
    simulator.kill()
    time.sleep(0.3)  # an outage has a length
    simulator.start()
    eventually(lambda: _count(sql, "status IN ('CONFIRMED', 'FAILED')") == COUNT, within_s=120)
    _assert_books(sql, httpx.get(f"{base}/_control/books", trust_env=False).json())


def _is_up(base: str) -> bool:
    try:
        return httpx.get(f"{base}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _count(sql: Connection[Any], condition: str) -> int:
    query = psycopg.sql.SQL("SELECT count(*) FROM core.wallet_payment WHERE {}").format(
        psycopg.sql.SQL(condition)  # pyright: ignore[reportArgumentType]
    )
    row = sql.execute(query).fetchone()
    assert row is not None
    return row[0]


def _assert_books(sql: Connection[Any], theirs: dict[str, Any]) -> None:
    paid = [
        transfer["reference"]
        for own in theirs.values()
        for transfer in own["transfers"]
        if transfer["state"] == "SUCCESSFUL"
    ]
    ours = sql.execute(
        "SELECT reference::text, payment_id FROM core.wallet_attempt WHERE state = 'succeeded'"
    ).fetchall()
    assert sorted(paid) == sorted(reference for reference, _ in ours)
    assert len({payment_id for _, payment_id in ours}) == len(ours)
    balances = dict(
        sql.execute(
            "SELECT a.code, (b.posted_dr - b.posted_cr)::bigint FROM ledger.account AS a "
            "JOIN ledger.balance AS b ON b.account_id = a.id WHERE a.currency = 'GHS'"
        ).fetchall()
    )
    assert balances["wallet_clearing"] == 0
    for name, own in theirs.items():
        assert balances.get(f"provider_float_{name}", 0) == own["changes"].get("GHS", 0), name
