"""Postgres away, back, locked or exhausted: 503 with Retry-After in time, never 500, no restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from payments_schema.testing import url_of
from psycopg import sql

BODY = {"accountId": "A", "amount": 1}
# It waits until they are gone, a minute each: one that is about to go still takes a statement.
END_SESSIONS = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s"


@contextmanager
def shut(server_url: str, name: str) -> Iterator[None]:
    """Close the database to everybody and end its sessions."""
    target = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(target))
        admin.execute(END_SESSIONS, [name])
        try:
            yield
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(target))


def timed(send: Any) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    return send(), time.monotonic() - started


def check_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"


def test_away_is_503_in_time_and_back_is_back(own_api: Any, server_url: str, database_name: str) -> None:
    own_api.start()
    assert own_api.post(BODY, "before").status_code == 201
    with shut(server_url, database_name):
        for send in (
            lambda: own_api.post(BODY, "during"),
            lambda: own_api.get("/payments"),
            lambda: own_api.post({"payments": [BODY | {"idempotencyKey": "batch"}]}, path="/payments/batch"),
            lambda: own_api.get("/api/v1/health/ready"),
        ):
            answer, seconds = timed(send)
            assert answer.status_code == 503, answer.text
            assert seconds < 20  # 2 s on a quiet machine; a hanging answer would take for ever
        check_unavailable(own_api.post(BODY, "during"))
        assert own_api.get("/api/v1/health/live").status_code == 200
        assert own_api.get("/api/v1/health/detailed").json()["status"] == "unavailable"
        assert "payments_database_up 0.0" in own_api.get("/metrics").text
    deadline = time.monotonic() + 60
    while own_api.post(BODY, "during").status_code == 503 or own_api.get("/payments").status_code == 503:
        assert time.monotonic() < deadline
    assert own_api.post(BODY, "before").headers["Idempotent-Replayed"] == "true"


def test_it_starts_without_a_database(own_api: Any, server_url: str) -> None:
    own_api.database_url = url_of(server_url, "no_such_database_here", "payments_app")
    own_api.start()
    assert own_api.get("/health").status_code == 200
    check_unavailable(own_api.post(BODY, "k"))
    assert own_api.stop() == 0


def test_a_database_without_our_tables_is_503(own_api: Any, server_url: str) -> None:
    own_api.database_url = url_of(server_url, "postgres", "payments_app")
    own_api.start()
    ready = own_api.get("/api/v1/health/ready")
    assert ready.status_code == 503
    assert "payments-schema migrate" in ready.text
    check_unavailable(own_api.post(BODY, "k"))
    check_unavailable(own_api.get("/payments"))


async def test_an_exhausted_pool_is_503_in_time(own_api: Any, owner_url: str) -> None:
    own_api.settings = {"DATABASE_POOL_SIZE": "2"}
    own_api.start()
    with psycopg.connect(owner_url) as blocker:
        blocker.execute("LOCK TABLE core.payment IN ACCESS EXCLUSIVE MODE")
        async with httpx.AsyncClient(base_url=own_api.url, timeout=30) as client:
            started = time.monotonic()
            answers = await asyncio.gather(*(client.get("/payments") for _ in range(8)))
            assert time.monotonic() - started < 20
            for answer in answers:
                check_unavailable(answer)
            assert (await client.get("/api/v1/health/live")).status_code == 200
        blocker.rollback()
    assert own_api.get("/payments").status_code == 200


@pytest.mark.parametrize("path", ["/payments", "/api/v1/events", "/api/v1/jobs"])
def test_a_backend_that_was_killed_is_not_noticed(
    own_api: Any, server_url: str, database_name: str, path: str
) -> None:
    own_api.settings = {"DATABASE_TIMEOUT_S": "20"}
    own_api.start()
    assert own_api.get(path).status_code == 200
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(END_SESSIONS, [database_name])
    answer = own_api.get(path)
    assert answer.status_code == 200, answer.text + own_api.log.read_text()[-3000:]
    assert own_api.post(BODY, "after").status_code == 201
