"""Finds the instance's supervisor, or starts one, detached and lean.

It must not send it any work: `client.py` does.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from devtools import identity, statefile
from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from devtools.workspace import Workspace

LOCK = "supervisor.lock"
READY = b"ready\n"
HELD = b"held\n"
LAUNCH_DEADLINE_S = 20.0
GONE_DEADLINE_S = 30.0
_LONGEST = 80  # a Unix socket's path holds 108 bytes, less on macOS; room for the names beside it


def socket_path(state_dir: Path) -> Path:
    """Where an instance's socket is: in its state, or in a temporary folder where that path is too long."""
    near = state_dir / "run" / "supervisor.sock"
    if len(os.fsencode(near)) <= _LONGEST:
        return near
    import hashlib
    import tempfile

    name = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"devtools-{os.getuid()}" / name / "supervisor.sock"


def holder(state_dir: Path) -> dict[str, Any] | None:
    """Who supervises this instance now (pid, since), None where nobody does."""
    person = statefile.read_json(state_dir / "supervisor.json")
    return person if identity.is_alive(identity.from_json(person)) else None


class Launched(NamedTuple):
    """A supervisor that was started and has not told yet whether it serves."""

    pid: int
    told_on: int


def launch(workspace: Workspace) -> Launched:
    """Start a supervisor without waiting for it; `await_ready` does that."""
    workspace.make_state_dir()
    reading, writing = os.pipe()
    log = os.open(
        workspace.state_dir / "logs" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    # -P keeps the workspace's own folder out of the import path, -S saves a third of Python's own start: the
    # path is told instead. The mark of a run that we may be part of must not pass on, or our caller's end
    # would be the new supervisor's.
    environment = {name: value for name, value in os.environ.items() if name != "DEVTOOLS_RUN"}
    environment["PYTHONPATH"] = os.pathsep.join(part for part in sys.path if part)
    words = [sys.executable, "-S", "-P", "-m", "devtools.supervisor", str(workspace.state_dir), str(writing)]
    try:
        os.set_inheritable(writing, True)
        pid = _spawn(words, environment, log)
    finally:
        os.close(writing)
        os.close(log)
    return Launched(pid, reading)


def await_gone(supervisor: dict[str, Any] | None) -> None:
    """Return when that process has ended, which takes its record away a moment before.

    supervisor: what `holder` said before it was asked to end.
    """
    known = identity.from_json(supervisor)
    deadline = time.monotonic() + GONE_DEADLINE_S
    while identity.is_alive(known) and time.monotonic() < deadline:
        time.sleep(0.01)


def _spawn(words: list[str], environment: dict[str, str], log: int) -> int:
    """Start a program with its words in the log; whatever else is open and inheritable, it closes itself."""
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
    ]
    try:
        return os.posix_spawn(words[0], words, environment, file_actions=files, setsid=True)
    except NotImplementedError:  # an older C library: the supervisor leaves our session by itself
        return os.posix_spawn(words[0], words, environment, file_actions=files)


def await_ready(launched: Launched, state_dir: Path) -> bool:
    """Wait until a launched supervisor serves; False where another holds the instance already."""
    try:
        readable, _, _ = select.select([launched.told_on], [], [], LAUNCH_DEADLINE_S)
        said = os.read(launched.told_on, 64) if readable else b""
    finally:
        os.close(launched.told_on)
    if said == READY:
        return True
    if said == HELD:
        os.waitpid(launched.pid, 0)
        return False
    raise DevtoolsError(
        "the supervisor did not start", hint=f"its words are in {state_dir}/logs/supervisor.log"
    )
