"""Collects every child that ends, orphans of our services included, and tells who waits for it.

It must be the only caller of waitpid in the process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Reaper:
    """Wakes on SIGCHLD only: nothing is polled."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def install(self) -> None:
        """Begin to listen for SIGCHLD in the running loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.collect)

    def spawn(
        self,
        arguments: Sequence[str],
        *,
        cwd: str,
        environment: dict[str, str],
        output: int,
        stdin: int = subprocess.DEVNULL,
    ) -> tuple[int, asyncio.Future[int]]:
        """Start a command in a session of its own; the future brings its exit code (negative: a signal)."""
        child = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=environment,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.DEVNULL if stdin != subprocess.DEVNULL else output,
            start_new_session=True,
        )
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[child.pid] = future
        self._children[child.pid] = child
        return child.pid, future

    def collect(self) -> None:
        """Take the exit status of every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            child = self._children.pop(pid, None)
            if child is not None:
                child.returncode = code  # so that Popen neither waits itself nor complains
            future = self._waiting.pop(pid, None)
            if future is not None and not future.done():
                future.set_result(code)


def exit_of_stranger(pid: int) -> asyncio.Future[None]:
    """A future that is done when a process that may not be our child ends (by pidfd where there is one)."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        future.set_result(None)
        return future
    except (OSError, AttributeError):
        task = loop.create_task(_ask(pid, future))
        future.add_done_callback(lambda _: task.cancel())
        return future

    def ended() -> None:
        if not future.done():
            future.set_result(None)

    def close(_: object) -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)

    loop.add_reader(descriptor, ended)
    future.add_done_callback(close)
    return future


async def _ask(pid: int, future: asyncio.Future[None]) -> None:
    while not future.done():
        try:
            os.kill(pid, 0)
        except OSError:
            future.set_result(None)
            return
        await asyncio.sleep(0.1)
