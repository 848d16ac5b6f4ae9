"""Real workspaces in temporary folders, driven by the real command line; nothing of them outlives a test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from devtools_waiting import is_alive


class Folder:
    """A workspace on disk and the commands run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / ".devtools"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVTOOLS_", "PG", "DATABASE_", "PYTEST"))
        }
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.started: list[subprocess.Popen[str]] = []

    def write(self, automations: str, overlay: str | None = None) -> Folder:
        """Write the two files."""
        (self.root / "automations.yaml").write_text(automations)
        if overlay is not None:
            (self.root / "workspace.yaml").write_text(overlay)
        return self

    def run(self, *arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run one devtools command to its end."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "devtools", *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def begin(self, *arguments: str, words: Path | None = None) -> subprocess.Popen[str]:
        """Start one devtools command; `words` is a file for what it says, to wait for it."""
        with contextlib.ExitStack() as files:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "devtools", *arguments],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=files.enter_context(words.open("w")) if words else subprocess.PIPE,
                stderr=subprocess.STDOUT if words else subprocess.PIPE,
                text=True,
            )
        self.started.append(process)
        return process

    def up(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """`up --no-validate`, which must end with `status`."""
        done = self.run("up", "--no-validate", *arguments)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def down(self) -> subprocess.CompletedProcess[str]:
        """`down`, which must leave nothing."""
        done = self.run("down", timeout_s=150)
        assert done.returncode == 0, done.stderr
        assert self.processes() == {}
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        """Services and tasks by id, from `status --json`."""
        shown = json.loads(self.run("status", "--json").stdout)
        return {node["id"]: node for node in [*shown["services"], *shown["tasks"]]}

    def ask(self, request: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """One HTTP request over the supervisor's socket, as curl would send it."""
        status, answer = self._exchange(request, body)
        return status, json.loads(answer)

    def ask_lines(self, request: str, body: object = None) -> list[dict[str, Any]]:
        """The lines of a stream, once it has ended."""
        return [json.loads(line) for line in self._exchange(request, body)[1].splitlines()]

    def _exchange(self, request: str, body: object) -> tuple[int, bytes]:
        path = json.loads((self.state / "supervisor.json").read_text())["socket"]
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{request} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(path)
            connection.sendall(head.encode() + data)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        status, _, rest = answer.partition(b"\r\n\r\n")
        return int(status.split()[1]), rest

    def node(self, name: str) -> dict[str, Any]:
        """One node as the supervisor has it now, for waits: a command costs 0.2 s, this a millisecond."""
        try:
            nodes = self.ask("GET /v1/status")[1]["nodes"]
        except (OSError, ValueError, IndexError):
            nodes = []  # it is not there yet, or not any more
        found = {"phase": "", "reason": "", "pid": None, "probe": "", "ready": False, "restarts": 0}
        return next((node for node in nodes if node["id"] == name), found)

    @property
    def supervisor(self) -> int:
        """The supervisor's pid."""
        return json.loads((self.state / "supervisor.json").read_text())["pid"]

    def processes(self) -> dict[int, str]:
        """Every living process of this workspace: the supervisor and whatever carries its state folder."""
        found: dict[int, str] = {}
        mark = f"DEVTOOLS_STATE_DIR={self.state}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or int(entry.name) == os.getpid():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                is_own = mark in (entry / "environ").read_bytes().split(b"\0")
            except (OSError, UnicodeDecodeError):
                continue
            if (is_own or f"devtools.supervisor {self.state}" in command) and is_alive(int(entry.name)):
                found[int(entry.name)] = command
        return found

    def clear(self) -> None:
        """End everything, whatever the test left."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        if self.processes():
            self.run("down", timeout_s=150)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def folder(tmp_path: Path):
    """An empty workspace."""
    made = Folder(tmp_path)
    yield made
    made.clear()


@pytest.fixture
def free_port() -> int:
    """A port that nobody uses now, outside of every workspace's block."""
    for port in range(15_000, 19_999):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + os.getpid() % 4000 // 2))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise AssertionError("no free port")
