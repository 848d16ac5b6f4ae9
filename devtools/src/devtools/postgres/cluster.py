"""Making a cluster, provisioning its roles and database, and finding the server that runs on it.

A data directory exists under its name only when it is whole, so a half-done initdb can never be started.
Must not change anything inside a database: the migrations do that.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import time
from pathlib import Path

import psutil

from devtools.errors import DevtoolsError
from devtools.postgres.credentials import SUPERUSER, DatabaseSpec, password
from devtools.postgres.home import Home

STOP_FAST_S = 20.0


def make(home: Home, state_dir: Path, *, durable: bool = True) -> bool:
    """Make the cluster where there is none; a half-made one is done anew. True when it was made now."""
    if home.data.exists():
        return False
    fresh = home.folder / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    provisioned(state_dir).unlink(missing_ok=True)
    home.own(fresh)
    with _password_file(home, password(state_dir, SUPERUSER)) as secret:
        done = home.run(
            [
                home.program("initdb"),
                f"--pgdata={fresh}",
                f"--username={SUPERUSER}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                *([] if durable else ["--no-sync"]),
            ]
        )
    if done.returncode:
        raise DevtoolsError(
            "initdb could not make the cluster\n" + _tail(done.stdout), hint=_why(done.stdout)
        )
    fresh.rename(home.data)
    return True


class _password_file:
    """A file with the superuser's password that only the server's user may read, while initdb runs."""

    def __init__(self, home: Home, secret: str) -> None:
        self._path = home.folder / f".pwfile.{os.getpid()}"
        self._home, self._secret = home, secret

    def __enter__(self) -> Path:
        self._path.unlink(missing_ok=True)
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(self._secret + "\n")
        os.chown(self._path, self._home.account.uid, self._home.account.gid)
        return self._path

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)


def provision(home: Home, state_dir: Path, spec: DatabaseSpec) -> None:
    """Create or mend the roles, their passwords and the database, before the first connection.

    Done by a single-user server, so that nobody can connect to a half-provisioned cluster; skipped where the
    names and passwords are those of the last time.
    """
    secrets = [password(state_dir, role) for role in (SUPERUSER, spec.owner, spec.user)]
    wanted = hashlib.sha256("\0".join([spec.name, spec.owner, spec.user, *secrets]).encode()).hexdigest()
    note = provisioned(state_dir)
    if note.exists() and note.read_text() == wanted:
        return
    found = _single(home, ["SELECT datname FROM pg_database"])
    statements = [_role(SUPERUSER, secrets[0]), _role(spec.owner, secrets[1]), _role(spec.user, secrets[2])]
    if f'datname = "{spec.name}"' not in found:
        statements.append(f"CREATE DATABASE {_name(spec.name)} OWNER {_name(spec.owner)}")
    statements += [
        f"ALTER DATABASE {_name(spec.name)} OWNER TO {_name(spec.owner)}",
        f"REVOKE ALL ON DATABASE {_name(spec.name)} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {_name(spec.name)} TO {_name(spec.user)}",
    ]
    said = _single(home, statements)
    if "ERROR:" in said or "FATAL:" in said:
        raise DevtoolsError("the roles and the database could not be made\n" + _tail(said), hint=_why(said))
    note.write_text(wanted)


def provisioned(state_dir: Path) -> Path:
    """The note of what the workspace's cluster was last provisioned with."""
    return state_dir / "postgres.provisioned"


def _role(role: str, secret: str) -> str:
    login = f"ROLE {_name(role)} LOGIN PASSWORD {_text(secret)}"
    return (
        f"DO $do$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = {_text(role)}) "
        f"THEN ALTER {login}; ELSE CREATE {login}; END IF; END $do$"
    )


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _single(home: Home, statements: list[str]) -> str:
    """What a single-user server says to these statements, each on one line."""
    done = home.run(
        [
            home.program("postgres"),
            "--single",
            "-D",
            str(home.data),
            "-c",
            "log_min_error_statement=panic",
            "postgres",
        ],  # the statements hold passwords: an error must not repeat them
        given="\n".join(statements) + "\n",
    )
    if done.returncode:
        raise DevtoolsError("Postgres cannot start\n" + _tail(done.stdout), hint=_why(done.stdout))
    return done.stdout


def server(home: Home) -> tuple[psutil.Process, int] | None:
    """The server that runs on this cluster, and its port; None where none does.

    The pid that the server wrote is believed only of a Postgres that works in this data directory: pids are
    used again.
    """
    try:
        lines = (home.data / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        if not _works_in(process, home) or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process, int(lines[3])
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def stop(home: Home) -> bool:
    """Stop the server that runs on this cluster, cleanly if it will. True when one ran."""
    found = server(home)
    if found is None:
        return False
    process, _ = found
    try:
        process.send_signal(signal.SIGINT)  # fast: clients are cut, nothing is lost
        if not _await_end([process], STOP_FAST_S):
            process.send_signal(signal.SIGQUIT)  # immediate: the next start recovers from the log
            if not _await_end([process], STOP_FAST_S):
                raise DevtoolsError(f"the server (process {process.pid}) does not stop")
    except psutil.NoSuchProcess:
        pass
    return True


def await_orphans(home: Home) -> None:
    """Return once no process of a killed server is left: until then a new one may not start."""
    if (home.data / "postmaster.pid").exists() and server(home) is None:
        _await_end([process for process in psutil.process_iter() if _works_in(process, home)], STOP_FAST_S)


def _works_in(process: psutil.Process, home: Home) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == home.data.resolve()
    except psutil.Error:
        return False


def _await_end(processes: list[psutil.Process], deadline_s: float) -> bool:
    """True once all have ended, whether or not their parents have taken notice."""
    end = time.monotonic() + deadline_s
    while any(_lives(process) for process in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_accepting(home: Home, port: int, deadline_s: float) -> None:
    """Return once the server answers; raises DevtoolsError past the deadline or where it ended."""
    end = time.monotonic() + deadline_s
    delay = 0.02
    while home.run([home.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
        if time.monotonic() > end:
            raise DevtoolsError(
                f"Postgres did not accept connections on port {port} within {deadline_s:.0f} s"
            )
        time.sleep(delay)
        delay = min(delay * 1.5, 0.5)


def _tail(output: str, lines: int = 15) -> str:
    return "\n".join(f"  {line}" for line in output.splitlines()[-lines:])


def _why(output: str) -> str | None:
    known = {
        "No space left on device": "free some space on that disk",
        "could not create shared memory": "raise the system's shared memory limits, or stop other servers",
        "Permission denied": "the server's user may not enter the folder",
        "lock file": "another server runs on this data directory: devtools postgres stop",
    }
    return next((hint for sign, hint in known.items() if sign in output), None)
