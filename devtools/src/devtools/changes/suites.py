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
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.instances import calls, venv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devtools.changes.steps import Steps
    from devtools.instances.place import Instance
    from devtools.manifest.model import Repository

AT_ONCE = 2
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

    def one(item: Repository) -> tuple[str, float, str]:
        with room:
            began = time.monotonic()
            wrong, output = _tests(instance, item)
            return wrong, time.monotonic() - began, output

    logs: dict[str, str] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = [pool.submit(one, item) for item in tested]
        try:
            meanwhile()
        finally:
            room.release()
        for item, (wrong, seconds, output) in zip(tested, (each.result() for each in begun), strict=True):
            steps.add(f"tests: {item.id}", seconds, wrong)
            logs[f"tests-{item.id}"] = output
    return logs


def _tests(instance: Instance, item: Repository) -> tuple[str, str]:
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
