"""One incarnation of a command: started in a session of its own, ended only when its whole tree is gone.

It must not know why a run begins or ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from devtools.identity import Identity, of
from devtools.supervisor import tree
from devtools.supervisor.reaper import exit_of_stranger

if TYPE_CHECKING:
    from devtools.supervisor.reaper import Reaper

KILL_WAIT_S = 5.0


@dataclass(slots=True)
class Run:
    """A started command; `exited` brings the leader's exit code, None where it was adopted."""

    pid: int
    identity: Identity | None
    mark: str
    exited: asyncio.Future[int | None]
    log_offset: int = 0
    is_adopted: bool = False
    is_killed: bool = False

    def members(self, processes: dict[int, tree.Process] | None = None) -> set[int]:
        """The living processes of this run, escapees included, a stranger with a reused pid not."""
        started = self.identity.started if self.identity else None
        return tree.members(self.pid, self.mark, processes, started=started)


@cache
def shell() -> str:
    """bash where there is one, else sh."""
    for folder in os.get_exec_path():  # as shutil.which, whose import every start would wait for
        found = f"{folder or os.curdir}/bash"
        if os.path.isfile(found) and os.access(found, os.X_OK):  # noqa: PTH113 (text)
            return found
    return "/bin/sh"


def start(
    reaper: Reaper, command: str, *, cwd: str, environment: dict[str, str], mark: str, output: int
) -> Run:
    """Run `command` by the shell; raises OSError where it cannot be started at all."""
    pid, future = reaper.spawn(
        [shell(), "-c", command],
        cwd=cwd,
        environment={**environment, tree.RUN_VARIABLE: mark},
        output=output,
    )
    return Run(pid, of(pid), mark, _widened(future))


def adopt(identity: Identity, mark: str, log_offset: int) -> Run:
    """Take over a run that an earlier supervisor began; its exit is seen, its exit code is not."""
    future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def ended(_: object) -> None:
        if not future.done():
            future.set_result(None)

    exit_of_stranger(identity.pid).add_done_callback(ended)
    return Run(identity.pid, identity, mark, future, log_offset, is_adopted=True)


async def end(run: Run, signal_name: str, grace_s: float) -> bool:
    """Signal the group, wait out the grace, kill what is left; True when nothing of the run lives.

    Escapees hear the signal once the leader's group is gone: before, it is their leader's to end them.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_s
    wanted = signal.Signals[signal_name]
    signal_group(run, wanted)
    told = False
    while loop.time() < deadline:
        alive = await _wait_some(run, deadline - loop.time(), only_group=not told)
        if not alive and told:
            break
        if not alive:
            told = True
            _signal_all(run.members(), wanted)
    if run.members():
        return await kill(run)
    return True


async def kill(run: Run) -> bool:
    """SIGKILL to everything of the run, until nothing is left or nothing can be done (5 s)."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + KILL_WAIT_S
    while loop.time() < deadline:
        alive = run.members()
        if not alive:
            return True
        signal_group(run, signal.SIGKILL)
        _signal_all(alive, signal.SIGKILL)
        await wait_for_exits(alive, min(0.5, max(0.01, deadline - loop.time())))
    return not run.members()


async def wait_for_exits(pids: set[int], timeout_s: float) -> None:
    """Return when all of `pids` have ended, or after the timeout; woken by the kernel, not by a clock."""
    futures = [exit_of_stranger(pid) for pid in pids]
    try:
        await asyncio.wait(futures, timeout=max(0.0, timeout_s))
    finally:
        for future in futures:
            future.cancel()


def signal_group(run: Run, number: signal.Signals) -> None:
    """Signal the leader's process group, where it is still that group."""
    now = of(run.pid)
    if run.identity is not None and now is not None and now != run.identity:
        return  # the pid is a stranger's by now
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(run.pid, number)


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


async def _wait_some(run: Run, timeout_s: float, *, only_group: bool) -> bool:
    """Wait until the run (or its leader's group) is empty; False when it is, True where the time ran out."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        processes = tree.snapshot()
        alive = run.members(processes)
        if only_group:
            alive = {pid for pid in alive if processes[pid].group == run.pid}
        if not alive:
            return False
        left = deadline - loop.time()
        if left <= 0:
            return True
        await wait_for_exits(alive, left)


def _widened(future: asyncio.Future[int]) -> asyncio.Future[int | None]:
    return future  # pyright: ignore[reportReturnType] (a future of int is read as one of int or None)
