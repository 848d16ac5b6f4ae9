"""What the scenarios see of the workspace: its API by HTTP, its database by SELECT, its logs.

Must not write to the database: its connection is read-only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self, TypeVar, cast

import httpx
import psycopg
from psycopg.rows import DictRow, dict_row

from devtools.validation.model import StepFailed

T = TypeVar("T")

TIMEOUT_S = 10.0
READ_ONLY = "-c default_transaction_read_only=on"


class Answer:
    """One HTTP answer, its body as parsed JSON."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.text = response.text[:300]
        try:
            body: object = response.json()
        except ValueError:
            body = None
        self.body = cast("dict[str, object]", body) if isinstance(body, dict) else {}

    def __str__(self) -> str:
        return f"{self.status} {self.text}"


class World:
    """A running workspace, seen from outside. Close it after use."""

    def __init__(self, *, api_url: str, database_url: str, logs: Path | None = None, token: str = "") -> None:
        self.api_url = api_url.rstrip("/")
        self._database_url = database_url
        self._logs = logs
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self.api_url, timeout=TIMEOUT_S, headers=headers, trust_env=False)
        self._conn: psycopg.Connection[DictRow] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        if self._conn:
            self._conn.close()

    def post(self, path: str, body: Mapping[str, object], headers: Mapping[str, str]) -> Answer:
        """POST JSON; a server that does not answer is a failed step."""
        return self._ask("POST", path, json=body, headers=headers)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """GET; a server that does not answer is a failed step."""
        return self._ask("GET", path, params=query)

    def delete(self, path: str) -> Answer:
        """DELETE; a server that does not answer is a failed step."""
        return self._ask("DELETE", path)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        try:
            return Answer(self._http.request(method, path, json=json, headers=headers, params=params))
        except httpx.HTTPError as fault:
            raise StepFailed(
                f"an answer from {method} {self.api_url}{path}",
                f"{type(fault).__name__}: {fault}",
                service="api",
            ) from fault

    def select(self, query: LiteralString, *values: object) -> list[DictRow]:
        """The rows of a SELECT, by name; each call sees what is committed by then."""
        try:
            if self._conn is None:
                self._conn = psycopg.Connection[DictRow].connect(
                    self._database_url,
                    autocommit=True,
                    row_factory=dict_row,
                    connect_timeout=5,
                    options=READ_ONLY,
                    application_name="devtools validate",
                )
            return self._conn.execute(query, values).fetchall()
        except psycopg.Error as fault:
            raise StepFailed(
                "an answer from the database",
                f"{type(fault).__name__}: {str(fault).strip()}",
                service="postgres",
            ) from fault

    def log_tail(self, service: str, lines: int = 20) -> Sequence[str]:
        """The last lines that a service wrote; empty where its log is not ours to read."""
        if self._logs is None:
            return ()
        try:
            with (self._logs / f"{service}.log").open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - 64 * 1024))
                return log.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return ()


def eventually(look: Callable[[], T | None], deadline_s: float) -> T | None:
    """What `look` returns once it is not None; None where the deadline passes first."""
    end = time.monotonic() + deadline_s
    delay = 0.01
    while True:
        found = look()
        if found is not None or time.monotonic() >= end:
            return found
        time.sleep(min(delay, max(0.0, end - time.monotonic())))
        delay = min(delay * 1.5, 0.25)
