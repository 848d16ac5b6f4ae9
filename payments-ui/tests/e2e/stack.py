"""The real stack for browser tests: API, worker and pages as processes on free ports, each awaited.

It must not fake any of them, and leaves no process behind.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from psycopg.types.json import Jsonb

START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 12.0


def free_port() -> int:
    """Find a port that nobody listens on, below those that the system gives to whoever connects.

    What is stopped and started again must find its port free: one of the system's own may be another
    program's end of a connection meanwhile.
    """
    while True:
        port = random.randint(24_000, 31_999)  # below 32768, where ephemeral ports begin
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Program:
    """One console script: started, awaited, stopped, and started again on the same port."""

    def __init__(
        self, script: str, environment: dict[str, str], ready_url: str, log: Path, *arguments: str
    ) -> None:
        self._command = Path(sys.executable).with_name(script)
        found = str(self._command) if self._command.exists() else shutil.which(script)
        assert found, f"{script} is not installed beside {sys.executable}"
        self._argv = [found, *arguments]
        self._environment = {**os.environ, **environment}
        self._ready_url = ready_url
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def await_ready(self) -> None:
        """Return once the readiness URL answers 200; fail with the log's end when it never does."""
        assert self._process is not None
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with suppress(httpx.HTTPError):
                if httpx.get(self._ready_url, timeout=1).status_code == 200:
                    return
            time.sleep(0.1)  # between two questions to another process: there is nothing to await
        tail = self._log.read_text(errors="replace")[-2000:]
        raise AssertionError(f"{self._argv[0]} did not become ready at {self._ready_url}:\n{tail}")

    def stop(self) -> None:
        """Stop the whole process group, by force where it takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Stack:
    """API, worker and pages on one database."""

    def __init__(self, database_url: str, owner_url: str, logs: Path) -> None:
        self.database_url = database_url
        self._owner_url = owner_url
        api_port, ui_port, worker_port = free_port(), free_port(), free_port()
        self.api_url = f"http://127.0.0.1:{api_port}"
        self.ui_url = f"http://127.0.0.1:{ui_port}"
        self.ui_port = ui_port
        base = {"DATABASE_URL": database_url, "HOST": "127.0.0.1", "AUTH_MODE": "open"}
        self.api = Program(
            "payments-api", {**base, "PORT": str(api_port)}, f"{self.api_url}/health", logs / "api.log"
        )
        self.worker = Program(
            "recon-worker",
            {**base, "WORKER_HEALTH_PORT": str(worker_port)},
            f"http://127.0.0.1:{worker_port}/health",
            logs / "worker.log",
        )
        self.ui = Program(
            "payments-ui",
            {
                "PORT": str(ui_port),
                "HOST": "127.0.0.1",
                "PAYMENTS_API_URL": self.api_url,
                "UI_REFRESH_S": "1",
            },
            f"{self.ui_url}/_stcore/health",
            logs / "ui.log",
        )

    def start(self) -> None:
        """Start all three at once, then wait for each."""
        programs = (self.api, self.worker, self.ui)
        for program in programs:
            program.start()
        for program in programs:
            program.await_ready()

    def made_earlier(self, payment_id: str, minutes: int) -> None:
        """Let a payment have been made so many minutes ago, as if the test had run that long."""
        with psycopg.connect(self._owner_url) as conn:
            moved = conn.execute(
                "UPDATE core.payment SET created_at = created_at - make_interval(mins => %s) WHERE id = %s",
                [minutes, payment_id],
            )
            assert moved.rowcount == 1

    def dead_letter(self) -> str:
        """Put a message into the queue that was given up, as the broker leaves it behind."""
        message_id = str(uuid4())
        message = {
            "queue_name": "reconciliation",
            "actor_name": "reconcile",
            "args": [[]],
            "kwargs": {},
            "options": {},
            "message_id": message_id,
            "message_timestamp": 0,
        }
        with psycopg.connect(self.database_url) as conn:
            conn.execute(
                "INSERT INTO dramatiq.queue (message_id, queue_name, state, message, error) "
                "VALUES (%s, 'reconciliation', 'rejected', %s, 'ValueError: given up by a test')",
                [message_id, Jsonb(message)],
            )
        return message_id

    def stop(self) -> None:
        """Stop all three."""
        for program in (self.ui, self.worker, self.api):
            program.stop()
