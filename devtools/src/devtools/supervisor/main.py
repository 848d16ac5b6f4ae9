"""The supervisor process: takes the instance's lock, opens the socket, runs until `down`.

It must not read automations files; plans come in through the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from devtools import identity, statefile
from devtools.supervisor import kernel
from devtools.supervisor.engine import Engine
from devtools.supervisor.journal import PERSON, Journal
from devtools.supervisor.launch import HELD, LOCK, READY, socket_path
from devtools.supervisor.leftovers import Leftovers
from devtools.supervisor.logs import Logs
from devtools.supervisor.reaper import Reaper
from devtools.supervisor.server import INTERRUPTED_GRACE_S, Server


def main() -> int:
    """`python -m devtools.supervisor STATE_DIR READY_FD`: tells READY or HELD on the descriptor."""
    state_dir, ready = Path(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(ready, False)
    lock = os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(ready, HELD)
        return 3
    os.chdir("/")
    kernel.become_subreaper()
    for name in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        # A handler that does nothing, not SIG_IGN: that one our services would inherit.
        signal.signal(name, _ignore)
    gc.freeze()
    asyncio.run(_serve(state_dir, ready))
    return 0


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame


async def _serve(state_dir: Path, ready: int) -> None:
    reaper, logs, journal = Reaper(), Logs(state_dir / "logs"), Journal(state_dir)
    reaper.install()
    logs.install()
    before = journal.read()
    token = str(before.get("token") or secrets.token_hex(16))
    leftovers = Leftovers(token, before.get("runs"))
    engine = Engine(state_dir, token, reaper, logs, leftovers)
    if not before.get("token"):
        journal.write(engine)
    journal.follow(engine)
    server = Server(engine)
    path = socket_path(state_dir)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = await server.listen(path)
    person = {**identity.own().to_json(), "socket": str(path), "since": time.time()}
    with contextlib.suppress(OSError):
        statefile.write_json(state_dir / PERSON, person)
    _obey_sigterm(server)
    os.write(ready, READY)
    os.close(ready)
    await server.finished.wait()
    listening.close()
    with contextlib.suppress(OSError):
        path.unlink()
        (state_dir / PERSON).unlink()
    journal.write(engine)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(listening.wait_closed(), 1.0)


def _obey_sigterm(server: Server) -> None:
    """SIGTERM (a machine that shuts down, `kill`) is a `down` in a hurry."""
    closing: list[asyncio.Task[None]] = []

    async def close() -> None:
        await server.shut_down(INTERRUPTED_GRACE_S)
        server.finished.set()

    def asked() -> None:
        if not closing:
            closing.append(asyncio.get_running_loop().create_task(close()))

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked)
