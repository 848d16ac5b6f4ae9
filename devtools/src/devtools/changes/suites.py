"""The repositories' own tests at the commits of a change, side by side in its instance.

Must not let a test see the home's database or settings.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.instances import calls, venv

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from devtools.changes.steps import Steps
    from devtools.instances.place import Instance
    from devtools.manifest.model import Repository

AT_ONCE = 2
ASIDE = 10  # nicer than we are, as `nice` counts
DEADLINE_S = 1800.0
LINES_TOLD = 15
WIDTH = "300"  # the reasons that a summary gives are cut off at the terminal's edge


def run(
    instance: Instance, chosen: Sequence[Repository], steps: Steps, meanwhile: Callable[[], None]
) -> dict[str, str]:
    """A step per repository that names a `test` in workspace.yaml; returns what each printed.

    meanwhile: work that has a processor for itself; until it is over, one suite runs at a time beside it.
    """
    tested = [item for item in chosen if item.test]
    room = threading.Semaphore(AT_ONCE - 1)
    aside = _Aside()

    def one(item: Repository) -> tuple[str, float, str]:
        with room:
            began = time.monotonic()
            wrong, output = _tests(instance, item, aside)
            return wrong, time.monotonic() - began, output

    logs: dict[str, str] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = [pool.submit(one, item) for item in tested]
        try:
            meanwhile()
        finally:
            aside.end()
            room.release()
        for item, (wrong, seconds, output) in zip(tested, (each.result() for each in begun), strict=True):
            steps.add(f"tests: {item.id}", seconds, wrong)
            logs[f"tests-{item.id}"] = output
    return logs


class _Aside:
    """Test runs that give way to what everybody waits for, until that is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: set[int] = set()
        self._is_over = False

    @contextmanager
    def held(self, session: int) -> Generator[None]:
        """For the life of these processes."""
        with self._lock:
            self._sessions.add(session)
            if not self._is_over:
                _make_nicer(session, ASIDE)
        try:
            yield
        finally:
            with self._lock:
                self._sessions.remove(session)

    def end(self) -> None:
        """From now on nobody gives way."""
        with self._lock:
            self._is_over = True
            for session in self._sessions:
                _make_nicer(session, 0)


def _make_nicer(session: int, by: int) -> None:
    """Than we are: every process of the session, and the session where the kernel shares out by sessions.

    Only root may take that back from processes; from a session, whoever it belongs to.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, session, os.getpriority(os.PRIO_PROCESS, 0) + by)
    with suppress(OSError):
        Path(f"/proc/{session}/autogroup").write_text(str(by))


def _tests(instance: Instance, item: Repository, aside: _Aside) -> tuple[str, str]:
    """What is wrong, with the last words of the tests, and all that they printed."""
    words = shlex.split(item.test or "")
    programs = Path(venv.python(instance.tree)).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**calls.clean_environment(), "PATH": path, "COLUMNS": WIDTH}
    try:
        process = subprocess.Popen(
            words,
            cwd=instance.tree / item.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=tuple(calls.held),
        )
    except OSError as fault:
        return f"{item.id}: `{item.test}` could not be run: {fault.strerror}", ""
    try:
        with aside.held(process.pid):
            output, _ = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        return f"{item.id}: `{item.test}` did not end within {DEADLINE_S:.0f} s", ""
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode == 0:
        return "", output
    told = "\n".join(output.rstrip().splitlines()[-LINES_TOLD:])
    return f"{item.id}: `{item.test}` ended with {process.returncode}\n{told}", output
