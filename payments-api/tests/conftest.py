"""Fixtures: the real API process on a database of its own, and tokens that it takes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from payments_schema.testing import create_database, drop_database, url_of

PATIENCE_S = 60.0
SECRET = "a-secret-of-tests-that-is-long-enough-0123456789"


@dataclass
class Api:
    """The API as users run it: `python -m payments_api.main`, one process, one port."""

    database_url: str
    log: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = kept | {"DATABASE_URL": self.database_url, "PORT": str(self.port)} | self.settings
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "payments_api.main"], stdout=output, stderr=output, env=environment
            )
        self._await_listening()

    def _await_listening(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process is not None
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the API did not start:\n{self.log.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def post(
        self, body: Any, key: str | None = None, path: str = "/payments", **headers: str
    ) -> httpx.Response:
        sent = dict(headers)
        if key is not None:
            sent["Idempotency-Key"] = key
        if isinstance(body, bytes):
            return httpx.post(
                self.url + path,
                content=body,
                headers=sent | {"Content-Type": "application/json"},
                timeout=PATIENCE_S,
            )
        return httpx.post(self.url + path, json=body, headers=sent, timeout=PATIENCE_S)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, timeout=PATIENCE_S)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as conn:
            return conn.execute(statement, values).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def shared_database(server_url: str, template_database: str) -> Iterator[str]:
    """One database for the tests that only add to it."""
    name = create_database(server_url, from_template=template_database)
    yield url_of(server_url, name, "payments_app")
    drop_database(server_url, name)


@pytest.fixture(scope="session")
def api(shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A running API that no test may stop or starve."""
    running = Api(shared_database, tmp_path_factory.mktemp("api") / "api.log")
    running.start()
    yield running
    assert running.stop() == 0, running.log.read_text()[-2000:]


@pytest.fixture
def own_api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    """An API of the test's own, not started yet; whatever is left of it is killed."""
    mine = Api(database_url, tmp_path / "api.log")
    yield mine
    if mine.process is not None and mine.process.poll() is None:
        mine.process.kill()
        mine.process.wait(PATIENCE_S)


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"key-{uuid4()}"


def a_token(
    roles: list[str] | str = "operator",
    key: str = SECRET,
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A token as our issuer would sign it; claims given as None are left out."""
    now = int(time.time())
    everything = {
        "iss": "payments",
        "aud": "payments-api",
        "sub": "somebody",
        "iat": now,
        "exp": now + 60,
        "roles": roles,
    } | claims
    kept = {name: value for name, value in everything.items() if value is not None}
    return jwt.encode(kept, key, algorithm="HS256", headers=header)


@pytest.fixture
def token() -> Any:
    """The maker of tokens."""
    return a_token


@pytest.fixture(scope="session")
def guarded_api(shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A running API that wants tokens."""
    running = Api(
        shared_database,
        tmp_path_factory.mktemp("guarded") / "api.log",
        {
            "AUTH_MODE": "jwt",
            "JWT_SECRET": SECRET,
            "AIRTELTIGO_SHARED_KEY": "a-key-of-tests",
            "RATE_LIMIT_PER_S": "0",
        },
    )
    running.start()
    yield running
    running.stop()
