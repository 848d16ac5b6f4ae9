"""The supervisor process: takes the instance's lock, opens the socket, runs until `down`.

It must not read automations files; plans come in through the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from devtools import identity, statefile
from devtools.supervisor import kernel
from devtools.supervisor.engine import Engine
from devtools.supervisor.holding import Holding
from devtools.supervisor.journal import PERSON, Journal
from devtools.supervisor.launch import HELD, LOCK, READY, socket_path
from devtools.supervisor.leftovers import Leftovers
from devtools.supervisor.logs import Logs
from devtools.supervisor.reaper import Reaper
from devtools.supervisor.server import INTERRUPTED_GRACE_S, Server

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """`python -m devtools.supervisor STATE_DIR READY_FD`: tells READY or HELD on the descriptor."""
    state_dir, ready = Path(sys.argv[1]), int(sys.argv[2])
    _stand_alone(ready)
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
    gc.enable()
    asyncio.run(_serve(state_dir, ready, Holding(state_dir / LOCK, lock)))
    return 0


def _stand_alone(ready: int) -> None:
    """Keep nothing of the command that launched us: neither its session nor what it had open."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    # By name, not by range: where the limit is a billion and the kernel old, a range takes minutes.
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 (numbers, not files)
        if int(name) > 2 and int(name) != ready:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(int(name))
    os.set_inheritable(ready, False)


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame


async def _serve(state_dir: Path, ready: int, holding: Holding) -> None:
    reaper, logs, journal = Reaper(), Logs(state_dir / "logs"), Journal(state_dir)
    reaper.install()
    logs.install()
    before = journal.read()
    token = str(before.get("token") or os.urandom(16).hex())
    leftovers = Leftovers(token, before.get("runs"), state_dir / "logs")
    ended_clean = before.get("nothing_left") is True and not before.get("runs")
    leftovers.is_settled = ended_clean or not before.get("token")
    engine = Engine(state_dir, token, reaper, logs, leftovers)
    if leftovers.is_settled:
        journal.write(engine)  # before anything starts: were we killed, the next one has to search
    journal.follow(engine)
    server = Server(engine)
    path = socket_path(state_dir)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = await server.listen(path)
    person = {**identity.own().to_json(), "socket": str(path), "since": time.time()}
    with contextlib.suppress(OSError):
        statefile.write_json(state_dir / PERSON, person)
    close = _closer(server)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, close)
    holding.on_loss(close)
    os.write(ready, READY)
    os.close(ready)
    await server.finished.wait()
    listening.close()
    if holding.is_intact():  # else the folder is gone, or another supervisor's by now
        with contextlib.suppress(OSError):
            path.unlink()
            (state_dir / PERSON).unlink()
        journal.write(engine, nothing_left=leftovers.are_gone)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(listening.wait_closed(), 1.0)


def _closer(server: Server) -> Callable[[], None]:
    """A `down` in a hurry: for SIGTERM (a machine that shuts down, `kill`) and where the state is deleted."""
    closing: list[asyncio.Task[None]] = []

    async def close() -> None:
        await server.shut_down(INTERRUPTED_GRACE_S)
        server.finished.set()

    def asked() -> None:
        if not closing:
            closing.append(asyncio.get_running_loop().create_task(close()))

    return asked
