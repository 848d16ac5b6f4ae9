"""What is wrong with a workspace or its machine: each finding with its mend, and the mends that are safe.

It must never end a process that is not provably this workspace's own, and never delete what a person wrote.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from devtools import ports
from devtools.errors import DevtoolsError
from devtools.session import Session, has_leftovers
from devtools.supervisor import launch, listeners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Level = Literal["ok", "warning", "error"]

LEAST_PYTHON = (3, 11)
LOW_DISK_BYTES, NO_DISK_BYTES = 1 << 30, 100 << 20
CLOCK_SLACK_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `mend` is what a person may do, `fix` what `--fix` does where that is safe."""

    check: str
    level: Level
    message: str
    mend: str = ""
    fix: Callable[[], str] | None = None


def examine(session: Session) -> Iterator[Finding]:
    """Every finding, the good ones too, in the order in which a person would look."""
    yield _python()
    yield from _shell()
    yield from _disk(session)
    yield from _files(session)
    yield from _state(session)
    yield _leftovers(session)
    yield from _ports(session)
    yield _clock(session)


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < LEAST_PYTHON:
        return Finding("python", "error", f"Python {here} is too old", "install Python 3.11 or newer")
    return Finding("python", "ok", f"Python {here} at {sys.executable}")


def _shell() -> Iterator[Finding]:
    shell = shutil.which("bash")
    if shell:
        yield Finding("shell", "ok", f"commands run by {shell}")
    else:
        yield Finding("shell", "warning", "no bash: commands run by sh", "install bash, as on the platform")
    if not shutil.which("git"):
        yield Finding("git", "warning", "git is not on the PATH", "install git; cloning needs it")


def _disk(session: Session) -> Iterator[Finding]:
    for name, folder in (("disk", session.workspace.root), ("temp", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        said = f"{free / (1 << 30):.1f} GB free in {folder}"
        if free < NO_DISK_BYTES:
            yield Finding(name, "error", said, "make room: state and logs can hardly be written")
        elif free < LOW_DISK_BYTES:
            yield Finding(name, "warning", said, "make room soon")
        else:
            yield Finding(name, "ok", said)
    if not os.access(session.workspace.root, os.W_OK):
        yield Finding(
            "disk", "error", f"{session.workspace.root} cannot be written", "chown or chmod the folder"
        )


def _files(session: Session) -> Iterator[Finding]:
    try:
        automations, overlay = session.files
    except DevtoolsError as fault:
        first = fault.message.splitlines()[0]
        yield Finding("files", "error", first, "devtools automations validate FILE shows every error")
        return
    count = f"{len(automations.services)} services, {len(automations.tasks)} tasks"
    yield Finding("files", "ok", f"{session.workspace.file}: {count}")
    for item in overlay.repositories.values():
        if not (session.workspace.root / item.path).exists():
            yield Finding("repositories", "warning", f"{item.id} is not here", "devtools up clones it")


def _state(session: Session) -> Iterator[Finding]:
    folder = session.workspace.state_dir
    for name in ("state.json", "supervisor.json", ports.PORTS_FILE):
        path = folder / name
        if path.exists() and not _is_readable(path):
            yield Finding(
                "state", "error", f"{path} is not readable JSON", "--fix puts it aside", _aside(path)
            )
    holder = launch.holder(folder)
    if holder is not None:
        yield _supervisor(session, holder["pid"])
        return
    stale = [path for path in (folder / "supervisor.json", session.workspace.socket_file) if path.exists()]
    for path in stale:
        yield Finding(
            "state",
            "warning",
            f"{path} is of a supervisor that is gone",
            "--fix removes it",
            _remove(session, path),
        )
    if not stale:
        yield Finding("supervisor", "ok", "none runs here")


def _supervisor(session: Session, pid: int) -> Finding:
    try:
        status = session.client.get("/v1/status", timeout_s=10.0)
    except (OSError, DevtoolsError) as fault:
        return Finding(
            "supervisor", "error", f"pid {pid} does not answer: {fault}", f"kill {pid}; devtools up"
        )
    if status is None:
        return Finding(
            "supervisor", "error", f"pid {pid} lives, and its socket is gone", f"kill {pid}; devtools up"
        )
    failed = [node["id"] for node in status["nodes"] if node["phase"] == "failed"]
    if failed:
        return Finding("supervisor", "warning", f"failed: {', '.join(failed)}", f"devtools why {failed[0]}")
    return Finding("supervisor", "ok", f"pid {pid} answers, {len(status['nodes'])} services and tasks")


def _leftovers(session: Session) -> Finding:
    if launch.holder(session.workspace.state_dir) is None and has_leftovers(session.workspace):
        mend = "devtools up adopts them, devtools down (or --fix) ends them"
        return Finding("leftovers", "error", "services run without a supervisor", mend, _down)
    return Finding("leftovers", "ok", "no process without a supervisor")


def _ports(session: Session) -> Iterator[Finding]:
    try:
        overlay = session.files[1]
    except DevtoolsError:
        return  # told already
    is_running = launch.holder(session.workspace.state_dir) is not None
    taken = [] if is_running else [n for n in overlay.ports.items() if not listeners.is_free(n[1])]
    for name, port in taken:
        said = f"port {port} ({name}) is taken by {listeners.describe_owner(port)}"
        yield Finding("ports", "warning", said, "devtools up leases another and says which")
    if overlay.ports and not taken:
        yield Finding("ports", "ok", "held by this workspace" if is_running else "all defaults are free")


def _clock(session: Session) -> Finding:
    now, written = time.time(), 0.0
    for name in ("state.json", "up.json"):
        with contextlib.suppress(OSError):
            written = max(written, (session.workspace.state_dir / name).stat().st_mtime)
    if written > now + CLOCK_SLACK_S:
        said = f"the clock is {written - now:.0f} s behind the last written state"
        return Finding("clock", "warning", said, "set the clock; ages and time-outs of others may be wrong")
    return Finding("clock", "ok", "not behind the state that was written")


def _is_readable(path: Path) -> bool:
    """True for a JSON object, an empty one too: `statefile.read_json` tells no difference."""
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except FileNotFoundError:
        return True  # it has gone since
    except (OSError, ValueError):
        return False


def _aside(path: Path) -> Callable[[], str]:
    def mend() -> str:
        kept = path.with_name(f"{path.name}.broken")
        path.replace(kept)
        return f"put aside as {kept.name}"

    return mend


def _remove(session: Session, path: Path) -> Callable[[], str]:
    def mend() -> str:
        if launch.holder(session.workspace.state_dir) is not None or session.client.is_there():
            return "left: a supervisor has started since"
        path.unlink(missing_ok=True)
        return "removed"

    return mend


def _down() -> str:
    from devtools.cli import down

    return "ended" if down.command(quiet=True) == 0 else "not all of it ended"
