"""How each kind of fault strikes, and what proves that it did.

Must not repair what the programs repair themselves: it starts again only what a supervisor would.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import psutil
import psycopg

from devtools.chaos.plan import KINDS, Fault
from devtools.chaos.rig import Program, Rig
from devtools.errors import DevtoolsError

Strike = Callable[[Rig, Fault], Awaitable[str]]
POLL_S = 0.05
CRASH_DEADLINE_S = 30.0


async def kill_api(rig: Rig, _fault: Fault) -> str:
    """kill -9; started again as a supervisor would."""
    return _kill_and_start(rig.programs["api"])


async def kill_worker(rig: Rig, fault: Fault) -> str:
    """kill -9 of one of the workers."""
    workers = [program for name, program in sorted(rig.programs.items()) if name.startswith("worker")]
    return _kill_and_start(workers[int(fault.strength * len(workers))])


def _kill_and_start(program: Program) -> str:
    proof = program.kill()
    program.start()
    return proof


async def kill_backend(rig: Rig, fault: Fault) -> str:
    """kill -9 of a server process that works for us: Postgres throws everybody out and recovers."""
    with psycopg.connect(rig.direct_url, autocommit=True) as conn:
        rows = conn.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY pid"
        ).fetchall()
    pid = int(rows[int(fault.strength * len(rows))][0])
    os.kill(pid, signal.SIGKILL)
    await _until(lambda: _has_ended(pid), f"server process {pid} to end")
    return f"server process {pid} is gone"


async def kill_postmaster(rig: Rig, _fault: Fault) -> str:
    """kill -9 of the postmaster; started again once the processes it left have seen it."""
    folder = _data_folder(rig)
    pid = int(await asyncio.to_thread(lambda: (folder / "postmaster.pid").read_text().split()[0]))
    os.kill(pid, signal.SIGKILL)
    await _until(lambda: _has_ended(pid), f"postmaster {pid} to end")
    await rig.start_postgres()
    return f"postmaster {pid} is gone"


async def cut_connections(rig: Rig, _fault: Fault) -> str:
    """Every connection between the programs and the database is reset."""
    cut = rig.proxy.cut()
    if cut == 0:
        raise DevtoolsError("there was no connection to cut")
    return f"{cut} connections were reset"


async def slow_network(rig: Rig, fault: Fault) -> str:
    """20 to 100 ms on every chunk, both ways."""
    before = rig.proxy.toxic.delayed
    rig.proxy.toxic.delay_s = 0.02 + 0.08 * fault.strength
    await asyncio.sleep(fault.lasts_s)
    rig.proxy.heal()
    return f"{rig.proxy.toxic.delayed - before} chunks were late"


async def down_network(rig: Rig, fault: Fault) -> str:
    """Nothing passes; connections hang, as when a cable is pulled."""
    before = rig.proxy.toxic.refused
    rig.proxy.deafen()
    await asyncio.sleep(fault.lasts_s)
    proof = rig.proxy.toxic.refused - before
    rig.proxy.heal()
    return f"{proof} attempts hung"


async def move_clock(rig: Rig, fault: Fault) -> str:
    """One worker lives ten minutes in the past or the future for a while."""
    library = faketime_library()
    assert library is not None
    sign = "+" if fault.strength >= 0.5 else "-"
    worker = rig.programs["worker-1"]
    worker.kill()
    worker.start(LD_PRELOAD=str(library), FAKETIME=f"{sign}600s", FAKETIME_DONT_FAKE_MONOTONIC="1")
    process = worker.process
    assert process is not None
    await _until(lambda: _has_loaded(process.pid, library), f"{library.name} to be in worker-1")
    await asyncio.sleep(fault.lasts_s)
    proof = f"worker-1 ran with {library.name} in it, its clock moved by {sign}600 s"
    return f"{proof}; then {_kill_and_start(worker)}"


async def fill_disk(rig: Rig, fault: Fault) -> str:
    """No byte is free for a while; where Postgres gave up, it is started again once there is room."""
    taken = rig.disk.fill()
    await asyncio.sleep(fault.lasts_s)
    rig.disk.relieve()
    await rig.start_postgres()
    return f"the disk was full: {taken:,} bytes of ballast"


_STRIKES: dict[str, Strike] = {
    "api.kill": kill_api,
    "worker.kill": kill_worker,
    "backend.kill": kill_backend,
    "postmaster.kill": kill_postmaster,
    "connections.cut": cut_connections,
    "network.slow": slow_network,
    "network.down": down_network,
    "clock.moved": move_clock,
    "disk.full": fill_disk,
}


async def strike(rig: Rig, fault: Fault) -> str:
    """Let a fault happen and end; returns the proof that it did. Raises DevtoolsError where it did not."""
    return await _STRIKES[fault.kind](rig, fault)


def available(rig: Rig, wanted: Sequence[str] = KINDS) -> tuple[tuple[str, ...], dict[str, str]]:
    """The wanted kinds that this machine allows, and why it does not allow the others."""
    refused: dict[str, str] = {}
    if faketime_library() is None:
        refused["clock.moved"] = "libfaketime is not installed (Debian: apt-get install faketime)"
    if rig.disk.folder is None:
        refused["disk.full"] = rig.disk.why_not
    return (
        tuple(kind for kind in wanted if kind not in refused),
        {kind: reason for kind, reason in refused.items() if kind in wanted},
    )


def faketime_library() -> Path | None:
    """libfaketime, where the distribution has put it."""
    if shutil.which("faketime") is None:
        return None
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


def _data_folder(rig: Rig) -> Path:
    from devtools.postgres.home import open_home

    return open_home(rig.state_dir, rig.name).data


def _has_loaded(pid: int, library: Path) -> bool:
    """Whether the process has the library mapped: its environment alone would prove nothing."""
    try:
        return any(region.path == str(library.resolve()) for region in psutil.Process(pid).memory_maps())
    except psutil.Error:
        return False


def _has_ended(pid: int) -> bool:
    """Gone, or waiting only for its parent to take note."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + CRASH_DEADLINE_S
    while not holds():
        if asyncio.get_running_loop().time() > deadline:
            raise DevtoolsError(f"waited {CRASH_DEADLINE_S:.0f} s for {what}")
        await asyncio.sleep(POLL_S)
