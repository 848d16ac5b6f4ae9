"""A small payments system of a few lines, that can be broken on purpose at any one of the seven steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from devtools.validation.world import World

TABLES = """
CREATE TABLE payments (id uuid PRIMARY KEY, idempotency_key text, account_id text, amount numeric(18, 2),
    currency text, status text, description text, created_at timestamptz DEFAULT now());
CREATE TABLE recon_jobs (id bigint GENERATED ALWAYS AS IDENTITY, payment_id uuid, status text,
    attempts int DEFAULT 0, locked_at timestamptz, locked_by text);
CREATE TABLE reconciliation_results (id bigint GENERATED ALWAYS AS IDENTITY, payment_id uuid, status text,
    matched boolean, notes text);
CREATE TABLE ledger_entries (id bigint GENERATED ALWAYS AS IDENTITY, transaction_id text, account_id text,
    payment_id text, direction text, currency text, amount numeric(18, 2), balance_after numeric(18, 2),
    created_at timestamptz DEFAULT clock_timestamp());
"""
ENTRY = (
    "INSERT INTO ledger_entries"
    " (transaction_id, account_id, payment_id, direction, currency, amount, balance_after)"
    " SELECT 'txn_1', %s, %s, %s, 'USD', %s,"
    " coalesce((SELECT balance_after FROM ledger_entries WHERE account_id = %s"
    " ORDER BY id DESC LIMIT 1), 0) + %s"
)


class TinySystem:
    """API and worker in one; `defect` names what goes wrong."""

    def __init__(self, database_url: str) -> None:
        self.defect = ""
        self.neighbour_pays = False
        self.conn = psycopg.connect(database_url, autocommit=True)
        self.conn.execute(TABLES)
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(*system.pay(self.headers["Idempotency-Key"], body))

            def do_GET(self) -> None:
                self.answer(*system.look(self.path))

            def answer(self, status: int, body: object) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pay(self, key: str, body: dict[str, object]) -> tuple[int, object]:
        if self.defect == "api-refuses":
            return 503, {"error": "no database"}
        known = self.conn.execute(
            "SELECT id::text FROM payments WHERE idempotency_key = %s", [key]
        ).fetchone()
        if known and self.defect != "pays-twice":
            return 200, {"id": known[0]}
        payment = str(uuid.uuid4())
        row = {"id": payment, "account_id": body["accountId"], "amount": "250.00", "currency": "USD"}
        row |= {"idempotency_key": key, "status": "pending"}
        if self.defect != "not-stored":
            self.conn.execute(
                "INSERT INTO payments (id, idempotency_key, account_id, amount, currency, status)"
                " VALUES (%s, %s, %s, %s, 'USD', 'pending')",
                [payment, key, body["accountId"], 99 if self.defect == "wrong-amount" else 250],
            )
        if self.defect != "no-job":
            self.conn.execute("INSERT INTO recon_jobs (payment_id, status) VALUES (%s, 'pending')", [payment])
        if self.defect != "no-worker":
            self.work(payment, str(body["accountId"]))
        return 201, row

    def work(self, payment: str, account: str) -> None:
        failed = self.defect == "job-fails"
        self.conn.execute("UPDATE recon_jobs SET status = %s", ["failed" if failed else "completed"])
        self.conn.execute("UPDATE payments SET status = 'completed'")
        self.conn.execute(
            "INSERT INTO reconciliation_results (payment_id, status, matched) VALUES (%s, 'completed', %s)",
            [payment, self.defect != "not-matched"],
        )
        if self.defect != "no-entry":
            self.conn.execute(ENTRY, [account, payment, "credit", 250, account, 250])
            debit = 249 if self.defect == "unbalanced" else 250
            self.conn.execute(ENTRY, ["clearing", payment, "debit", debit, "clearing", debit])

    def look(self, path: str) -> tuple[int, object]:
        if path.startswith("/api/v1/ledger/integrity"):
            is_sound = self.defect != "not-sound"
            check = {"name": "trial balance", "ok": is_sound, "offenders": [] if is_sound else ["USD"]}
            return 200, {"ok": is_sound, "checks": [check]}
        account = path.split("/")[2]
        if self.neighbour_pays:
            self.conn.execute(ENTRY, [account, "another", "credit", 5, account, 5])
        row = self.conn.execute(
            "SELECT balance_after FROM ledger_entries WHERE account_id = %s ORDER BY id DESC LIMIT 1",
            [account],
        ).fetchone()
        balance = str(row[0]) if row and self.defect != "wrong-balance" else "1.00"
        return 200, {"accountId": account, "balance": balance, "currency": "USD"}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.conn.close()


@pytest.fixture(scope="session")
def superuser_url() -> str:
    if named := os.environ.get("TEST_DATABASE_URL"):
        return named
    command = [sys.executable, "-m", "devtools", "postgres", "test-server"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def database_url(superuser_url: str) -> Iterator[str]:
    name = f"devtools_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(superuser_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield superuser_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(superuser_url, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def tiny(database_url: str) -> Iterator[TinySystem]:
    system = TinySystem(database_url)
    yield system
    system.close()


@pytest.fixture
def world(tiny: TinySystem, database_url: str, tmp_path: Path) -> Iterator[World]:
    (tmp_path / "worker.log").write_text("".join(f"line {n}\n" for n in range(100)))
    with World(api_url=tiny.url, database_url=database_url, logs=tmp_path) as made:
        yield made
