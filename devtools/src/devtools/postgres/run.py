"""The life of a cluster's server: becoming it, finding it ready, stopping it, and a throw-away one for tests.

Must not know what runs in its databases.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import psutil

from devtools import console
from devtools.errors import DevtoolsError
from devtools.postgres import cluster, credentials, settings
from devtools.postgres.credentials import HOST, SUPERUSER
from devtools.postgres.home import LENT, Home, open_home, prune, server_environment
from devtools.postgres.place import Place

WORKSPACE_CLUSTER = "postgres"
TEST_CLUSTER = "test-postgres"
START_DEADLINE_S = 60.0


def become_server(place: Place) -> NoReturn:
    """Make what is missing, then turn this process into the server: its pid is the service's pid."""
    for gone in prune(_stop_lent):
        console.say(f"removed {gone}: its checkout is gone")
    home = open_home(place.state_dir, WORKSPACE_CLUSTER)
    with exclusively(place.state_dir, WORKSPACE_CLUSTER):
        if cluster.stop(home):
            console.say("stopped a server that an earlier run had left on this data directory")
        cluster.await_orphans(home)
        _refuse_taken(place.port)
        if cluster.make(home, place.state_dir):
            console.say(f"made a new cluster in {home.data}")
        cluster.provision(home, place.state_dir, place.database)
    if home.socket_folder:
        home.own(home.socket_folder)
    _exec(home, settings.arguments(settings.DURABLE, place.port, home.socket_folder))


def _exec(home: Home, arguments: list[str]) -> NoReturn:
    program = home.program("postgres")
    environment = server_environment()
    os.chdir(home.folder)
    home.account.become()
    os.execve(program, [program, "-D", str(home.data), *arguments], environment)  # noqa: S606  (the pid is the service's)


def _refuse_taken(port: int) -> None:
    """Say who holds the port; Postgres would only say that somebody does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as fault:
            raise DevtoolsError(
                f"port {port} is taken{_holder(port)}",
                hint="stop it, or give `ports: {postgres: …}` another number",
            ) from fault


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            bound = connection.laddr[1] if connection.laddr else 0
            if connection.status == psutil.CONN_LISTEN and bound == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return ""


def running_url(place: Place, role: str | None = None) -> str:
    """The URL of the running server for a role (the application's by default), else the one it will have."""
    found = cluster.server(open_home(place.state_dir, WORKSPACE_CLUSTER))
    port = found[1] if found else place.port
    return credentials.url(place.state_dir, role or place.database.user, place.database.name, port)


def stop_server(place: Place) -> bool:
    """Stop the workspace's server; True when one ran."""
    return cluster.stop(open_home(place.state_dir, WORKSPACE_CLUSTER))


def _stop_lent(folder: Path) -> None:
    from devtools.postgres.home import Account

    cluster.stop(Home(folder, folder, Account(0, 0)))


@contextmanager
def exclusively(state_dir: Path, name: str) -> Generator[None]:
    """Hold the cluster's lock while it is made or started."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def start_throw_away(state_dir: Path, name: str, *, durable: bool = False) -> tuple[str, bool]:
    """The superuser's URL of a server in the background, and whether it was started now.

    name: `TEST_CLUSTER` is shared by whoever tests; another name is a cluster of one's own.
    """
    with exclusively(state_dir, name):
        home = open_home(state_dir, name)
        _forget_foreign(home, state_dir / f"{name}.made")
        found = cluster.server(home)
        started = found is None
        cluster.await_orphans(home)
        if found is None:
            cluster.make(home, state_dir, durable=durable)
            port = _free_port()
            _spawn(home, settings.arguments(settings.DURABLE if durable else settings.THROW_AWAY, port, None))
        else:
            port = found[1]
        try:
            cluster.wait_until_accepting(home, port, START_DEADLINE_S)
        except DevtoolsError as fault:
            raise DevtoolsError(f"{fault.message}\n{_log_tail(home)}") from fault
        return credentials.url(state_dir, SUPERUSER, "postgres", port), started


def _forget_foreign(home: Home, note: Path) -> None:
    """Throw away a cluster made by a state folder that is gone: nobody knows its password any more."""
    if not note.exists():
        cluster.stop(home)
        shutil.rmtree(home.data, ignore_errors=True)
        note.touch()


def _spawn(home: Home, arguments: list[str]) -> None:
    with _log(home).open("wb") as log:
        subprocess.Popen(
            [home.program("postgres"), "-D", str(home.data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.folder,
            env=server_environment(),
            start_new_session=True,
            **home.account.for_child(),
        )


def stop_throw_away(state_dir: Path, name: str) -> bool:
    """Stop such a server; its data stays for the next time, passwords too. True when one ran."""
    with exclusively(state_dir, name):
        return cluster.stop(open_home(state_dir, name))


def remove_throw_away(state_dir: Path, name: str) -> None:
    """Stop such a server and leave nothing of it behind."""
    stop_throw_away(state_dir, name)
    home = open_home(state_dir, name)
    shutil.rmtree(home.folder)
    (LENT / f"{home.folder.name}.checkout").unlink(missing_ok=True)
    for left in (state_dir / name, state_dir / f"{name}.made", state_dir / f"{name}.lock"):
        left.unlink(missing_ok=True)


def _log(home: Home) -> Path:
    return home.folder / "server.log"


def _log_tail(home: Home, lines: int = 15) -> str:
    try:
        return "\n".join(f"  {line}" for line in _log(home).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def private_name(purpose: str) -> str:
    """A name for a cluster that one run has for itself."""
    return f"{purpose}-{os.getpid()}-{secrets.token_hex(3)}"
