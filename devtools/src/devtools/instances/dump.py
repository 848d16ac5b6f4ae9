"""An instance's database as a file, and back. Must not stop whoever works in it meanwhile."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg

from devtools.errors import DevtoolsError
from devtools.instances import calls, database
from devtools.postgres.home import installed_binaries

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.instances.place import Instance
    from devtools.manifest.model import Database
    from devtools.workspace import Workspace


def server_version(home: Workspace) -> str:
    """The version of the home's server."""
    with psycopg.connect(database.address(home)) as conn:
        return str(conn.info.server_version // 10_000)


def write(instance: Instance, target: Path) -> None:
    """One consistent state of the database, while it is in use."""
    _run(instance, "pg_dump", "--format=custom", "--compress=1", f"--file={target}")


def read(instance: Instance, spec: Database, source: Path) -> None:
    """Make the database anew from the file, whole or not at all."""
    database.make_empty(instance, spec)
    _run(instance, "pg_restore", "--single-transaction", "--exit-on-error", "--no-password", str(source))


def _run(instance: Instance, program: str, *arguments: str) -> None:
    where = urlsplit(database.address(instance.home))
    login = {
        "PGHOST": where.hostname or "",
        "PGPORT": str(where.port),
        "PGUSER": where.username or "",
        "PGPASSWORD": where.password or "",
    }
    name = f"--dbname={instance.database}"
    done = subprocess.run(
        [str(installed_binaries() / "bin" / program), name, *arguments],
        env={**calls.clean_environment(), **login, "PATH": os.environ.get("PATH", "")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        pass_fds=tuple(calls.held),
    )
    if done.returncode:
        raise DevtoolsError(f"{program}: {done.stderr.strip()}")
