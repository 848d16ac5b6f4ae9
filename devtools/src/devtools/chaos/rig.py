"""A small world of its own to break: a durable cluster, the API, workers, and a proxy before the database.

Must not outlive its run: `close` ends every process it started and removes the cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg.rows import DictRow, dict_row

from devtools.chaos.proxy import HOST, Proxy
from devtools.chaos.smalldisk import SmallDisk
from devtools.errors import DevtoolsError
from devtools.postgres import run as postgres

DATABASE = "chaos"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 15.0


@dataclass
class Program:
    """A program of the rig; `started` counts its incarnations."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: int = 0

    def start(self, **extra: str) -> None:
        """Start it; its output goes to its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**self.environment, **extra},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started += 1

    def kill(self) -> str:
        """kill -9, and proof of it."""
        assert self.process is not None
        pid = self.process.pid
        self.process.kill()
        status = self.process.wait(STOP_DEADLINE_S)
        return f"process {pid} of {self.name} ended with status {status}"

    def stop(self) -> None:
        """Ask it to end; insist after a while."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Rig:
    """Everything that a run starts. The programs reach the database through the proxy, witnesses directly."""

    state_dir: Path
    workers: int = 2
    name: str = field(default_factory=lambda: postgres.private_name("chaos"))
    api_port: int = field(default_factory=lambda: _free_port())
    simulator_port: int = field(default_factory=lambda: _free_port())
    programs: dict[str, Program] = field(default_factory=dict[str, Program])
    direct_url: str = ""
    _proxy: Proxy | None = None
    disk: SmallDisk = field(default_factory=SmallDisk)

    @property
    def api_url(self) -> str:
        """Where the clients knock."""
        return f"http://{HOST}:{self.api_port}"

    @property
    def simulator_url(self) -> str:
        """Where the outside world is simulated."""
        return f"http://{HOST}:{self.simulator_port}"

    @property
    def proxy(self) -> Proxy:
        """The wire between the programs and the database."""
        assert self._proxy is not None
        return self._proxy

    @property
    def logs(self) -> Path:
        """The folder of the programs' logs."""
        return self.state_dir / "chaos" / self.name

    async def open(self) -> None:
        """Start everything and wait until a payment could be taken."""
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.disk.lay_under(self.state_dir, self.name)
        await self.start_postgres()
        with psycopg.connect(self.superuser_url, autocommit=True) as conn:
            conn.execute("CREATE DATABASE chaos")
        self._proxy = Proxy(_port_of(self.superuser_url))
        await self.proxy.start()
        await self._migrate()
        self._describe_programs()
        for program in self.programs.values():
            program.start()
        await self.await_api()

    async def start_postgres(self) -> None:
        """Start the cluster's server, after a crash too; the proxy follows its port."""
        address, _ = await asyncio.to_thread(
            postgres.start_throw_away, self.state_dir, self.name, durable=True
        )
        self.superuser_url = address
        self.direct_url = urlunsplit(urlsplit(address)._replace(path=f"/{DATABASE}"))
        if self._proxy is not None:
            self._proxy.target_port = _port_of(address)

    def select(self, query: LiteralString, *values: object) -> list[DictRow]:
        """Rows of a SELECT of our own, past the proxy."""
        with psycopg.Connection[DictRow].connect(
            self.direct_url, row_factory=dict_row, connect_timeout=5
        ) as conn:
            return conn.execute(query, values).fetchall()

    async def await_api(self) -> None:
        """Wait until the API answers that it is ready. Raises DevtoolsError after a minute."""
        deadline = time.monotonic() + START_DEADLINE_S
        async with httpx.AsyncClient(base_url=self.api_url, timeout=2, trust_env=False) as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get("/api/v1/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise DevtoolsError(
            "the API of the fault lab did not become ready", hint=f"its log is in {self.logs}"
        )

    async def close(self) -> None:
        """End every process and remove the cluster; safe to call at any point."""
        for program in self.programs.values():
            await asyncio.to_thread(program.stop)
        if self._proxy is not None:
            await self._proxy.stop()
        self.disk.relieve()
        await asyncio.to_thread(postgres.stop_throw_away, self.state_dir, self.name)
        self.disk.lift()
        await asyncio.to_thread(postgres.remove_throw_away, self.state_dir, self.name)

    async def _migrate(self) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": self.direct_url,
            "MIGRATION_DATABASE_URL": self.direct_url,
        }
        done = await asyncio.create_subprocess_exec(
            _script("payments-schema"),
            "migrate",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await done.communicate()
        if done.returncode:
            raise DevtoolsError(f"the migration failed: {output.decode(errors='replace').strip()[-500:]}")

    def _describe_programs(self) -> None:
        through = urlsplit(self.direct_url)
        netloc = f"{through.netloc.rsplit(':', 1)[0]}:{self.proxy.port}"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PG", "DEVTOOLS_"))},
            "DATABASE_URL": urlunsplit(through._replace(netloc=netloc)),
            "AUTH_MODE": "open",
            "HOST": HOST,
        }
        api = {**environment, "PORT": str(self.api_port)}
        self.programs["api"] = Program("api", [_script("payments-api")], api, self.logs / "api.log")
        # The outside world: it is never struck, and what it did is what the verdict compares with.
        simulator = [_script("provider-simulator"), "--port", str(self.simulator_port)]
        self.programs["simulator"] = Program(
            "simulator", simulator, dict(environment), self.logs / "simulator.log"
        )
        environment |= {
            "WALLET_PROVIDERS_URL": self.simulator_url,
            "WALLET_CONNECT_S": "1",
            "WALLET_READ_S": "2",
            "WALLET_LEASE_S": "10",
        }
        for number in range(1, self.workers + 1):
            name = f"worker-{number}"
            self.programs[name] = Program(
                name, [_script("recon-worker")], dict(environment), self.logs / f"{name}.log"
            )


def _script(name: str) -> str:
    program = Path(sys.executable).parent / name
    if not program.exists():
        raise DevtoolsError(f"{name} is not installed beside devtools", hint="./dev install")
    return str(program)


def _port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
