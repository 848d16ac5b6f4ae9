"""A workspace that has nothing but a database. Must not touch the developer's own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

AUTOMATIONS = """\
services:
  postgres:
    name: Postgres
    commands: {start: exec devtools postgres run}
"""
OVERLAY = """\
workspace: t
ports: {postgres: %d}
database: {service: postgres, port: postgres, name: shop, owner: shop_owner, user: shop_app}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """Ours, without what names another workspace or database."""
    names = ("DATABASE_URL", "MIGRATION_DATABASE_URL")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in names and not name.startswith(("PG", "DEVTOOLS_"))
    }


@dataclass
class Shop:
    """The workspace and the servers that a test started in it."""

    root: Path
    port: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def devtools(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "devtools", *arguments],
            cwd=self.root,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start(self) -> subprocess.Popen[str]:
        """`devtools postgres run`, its log in a file; returns at once."""
        log = (self.root / "server.log").open("a")
        process = subprocess.Popen(
            [sys.executable, "-m", "devtools", "postgres", "run"],
            cwd=self.root,
            env=clean_environment(),
            stdout=log,
            stderr=log,
            text=True,
        )
        log.close()
        self.started.append(process)
        return process

    def start_ready(self) -> subprocess.Popen[str]:
        process = self.start()
        end = time.monotonic() + 60
        url = self.url()
        while time.monotonic() < end:
            assert process.poll() is None, self.log()
            if self.is_served_by(process):
                try:
                    psycopg.connect(url, connect_timeout=2).close()
                except psycopg.OperationalError:
                    pass
                else:
                    return process
            time.sleep(0.05)  # between two looks at a condition
        raise AssertionError(self.log())

    def is_served_by(self, process: subprocess.Popen[str]) -> bool:
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0]) == process.pid
        except (OSError, IndexError, ValueError):
            return False

    def log(self) -> str:
        return (self.root / "server.log").read_text()

    def url(self, *arguments: str) -> str:
        done = self.devtools("postgres", "url", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def state_dir(self) -> Path:
        return self.root / ".devtools"

    @property
    def data(self) -> Path:
        return self.state_dir / "postgres" / "data"

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.started:
            process.wait(30)
        for link in self.state_dir.glob("*postgres"):
            target = link.resolve()
            if link.is_symlink() and target.is_dir():
                shutil.rmtree(target)
                target.with_name(f"{target.name}.checkout").unlink(missing_ok=True)


def make_shop(folder: Path) -> Shop:
    port = free_port()
    (folder / "automations.yaml").write_text(AUTOMATIONS)
    (folder / "workspace.yaml").write_text(OVERLAY % port)
    return Shop(folder, port)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A workspace of the test's own."""
    made = make_shop(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A running server for tests that only look."""
    made = make_shop(tmp_path_factory.mktemp("open-shop"))
    made.start_ready()
    yield made
    made.close()
