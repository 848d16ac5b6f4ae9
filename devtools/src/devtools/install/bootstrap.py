"""Brings `.venv` in step with `requirements.lock` and the packages of the workspace; run by `dev`.

Must not import anything outside the standard library: nothing is installed yet when it runs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib.util
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

NEEDED_BYTES = 2 * 1024**3
LOG_LINES_SHOWN = 20


class InstallError(Exception):
    """The install cannot go on: a sentence for the user, and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Workspace:
    """The paths of one checkout that an install reads and writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock_file = root / "requirements.lock"
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.stamp = self.venv / ".installed"
        self.unfinished = self.venv / ".installing"
        self.state = root / ".devtools"
        self.log = self.state / "install.log"

    def packages(self) -> list[Path]:
        """The folders that hold a package of the workspace, in the order of their names."""
        return [path.parent for path in sorted(self.root.glob("*/pyproject.toml"))]

    def wanted(self) -> bytes:
        """What is installed, once all of it is: the same bytes that `dev` compares on every call."""
        parts = [f"{self.root}\n".encode(), self.lock_file.read_bytes()]
        parts += [(package / "pyproject.toml").read_bytes() for package in self.packages()]
        return b"".join(parts)

    def is_installed(self) -> bool:
        """True when the last install ended well and nothing that it depends on has changed since."""
        return (
            os.access(self.python, os.X_OK)
            and self.stamp.is_file()
            and self.stamp.read_bytes() == self.wanted()
        )


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def say(message: str) -> None:
    """One line of progress, on stderr: stdout belongs to the command that follows."""
    _write(f"dev: {message}\n")


@contextlib.contextmanager
def only_one(workspace: Workspace) -> Generator[None]:
    """Hold the install lock; a second install waits here and finds the work done."""
    workspace.state.mkdir(mode=0o700, exist_ok=True)
    with (workspace.state / "install.lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            say(f"another install is working (process {handle.read().strip() or 'unknown'}); waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def run(workspace: Workspace, command: Sequence[str], failure: str, hint: str = "") -> None:
    """Run one step with its output in the log; where it fails, the log's last lines are the message."""
    with workspace.log.open("ab") as log:
        log.write(("\n$ " + " ".join(command) + "\n").encode())
        log.flush()
        environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never"}
        environment.pop("PYTHONPATH", None)
        if any(ssl.get_default_verify_paths()[:2]):
            # The machine's own certificates, as pip uses: an index may stand behind a company's authority.
            environment.setdefault("UV_SYSTEM_CERTS", "1")
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=workspace.root, env=environment
        )
    if done.returncode:
        lines = workspace.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        _write("".join(f"  {line}\n" for line in lines))
        if any("No space left on device" in line for line in lines):
            hint = f"free some space below {workspace.root} (about 2 GiB are needed), then run ./dev again"
        raise InstallError(failure, hint or f"the whole output is in {workspace.log}")


def check_machine(workspace: Workspace) -> None:
    """Refuse before any work is done where it could not be finished."""
    free = shutil.disk_usage(workspace.root).free
    if free < NEEDED_BYTES and not workspace.stamp.exists():
        raise InstallError(
            f"only {free // 1024**2} MiB are free below {workspace.root}; an install needs about 2 GiB",
            "free some space, then run ./dev again",
        )
    if importlib.util.find_spec("venv") is None:  # some distributions ship Python without it
        raise InstallError(
            f"{sys.executable} has no venv module", "Debian and Ubuntu: apt-get install python3-venv"
        )


def make_venv(workspace: Workspace) -> None:
    """Make an empty `.venv`, unless a whole one is there that only has to be brought up to date."""
    if not (was_finished_here(workspace) and works(workspace.python)):
        if workspace.venv.is_symlink():
            raise InstallError(f"{workspace.venv} is a symbolic link", "remove it, then run ./dev again")
        if workspace.venv.exists():
            say("an earlier install was interrupted, moved or lost its Python; starting over")
            shutil.rmtree(workspace.venv)
        run(
            workspace,
            [sys.executable, "-I", "-m", "venv", "--without-pip", str(workspace.venv)],
            "no .venv could be made",
        )
    workspace.unfinished.touch()
    workspace.stamp.unlink(missing_ok=True)


def was_finished_here(workspace: Workspace) -> bool:
    """True when the last install ended well in this very folder: scripts hold the path of their Python."""
    if workspace.unfinished.exists() or not workspace.stamp.is_file():
        return False
    return workspace.stamp.read_bytes().startswith(f"{workspace.root}\n".encode())


def works(python: Path) -> bool:
    """True when this interpreter starts and is new enough: a Python update can leave a dangling one."""
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([str(python), "-I", "-c", question], capture_output=True).returncode == 0
    except OSError:
        return False


def pip_command(workspace: Workspace) -> list[str]:
    """A pip that installs into `.venv`: the host's own where it can, else the one Python carries."""
    host = [sys.executable, "-m", "pip"]
    version = subprocess.run([*host, "--version"], capture_output=True, text=True).stdout
    found = re.match(r"pip (\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) >= (22, 3):
        return [*host, "--python", str(workspace.python)]
    run(
        workspace,
        [str(workspace.python), "-I", "-m", "ensurepip", "--default-pip"],
        f"{sys.executable} has neither pip nor ensurepip",
        "Debian and Ubuntu: apt-get install python3-venv",
    )
    return [str(workspace.python), "-m", "pip"]


def locked(workspace: Workspace, name: str) -> str:
    """The lock's own lines for one package, hashes and all."""
    found = re.search(rf"^{name}==.*?(?=^\S|\Z)", workspace.lock_file.read_text(), re.MULTILINE | re.DOTALL)
    if found is None:
        raise InstallError(f"requirements.lock does not hold {name}", "make it anew: ./dev lock")
    return found[0]


def find_uv(workspace: Workspace) -> str | None:
    """The user's uv, else the one of the lock brought by pip; None where neither can be had."""
    if os.environ.get("DEV_INSTALLER") == "pip":
        return None
    if own := shutil.which("uv"):
        return own
    brought = workspace.venv / "bin" / "uv"
    requirements = workspace.state / "uv.requirements"
    requirements.write_text(locked(workspace, "uv"))
    pip = [
        *pip_command(workspace),
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    try:
        run(workspace, [*pip, "-r", str(requirements)], "pip could not bring uv")
    except InstallError as failure:
        if os.environ.get("DEV_INSTALLER") == "uv":
            raise
        say(f"{failure}; going on with plain pip")
        return None
    return str(brought)


def install(workspace: Workspace) -> None:
    """Everything the lock names, by hash, then the packages of the workspace itself, editable."""
    uv = find_uv(workspace)
    if uv:
        try:
            install_with(workspace, "uv", [uv, "pip", "install", "--python", str(workspace.python)])
            return
        except InstallError as failure:
            if os.environ.get("DEV_INSTALLER") == "uv":
                raise
            say(f"{failure}; going on with plain pip")
    install_with(workspace, "pip", [*pip_command(workspace), "install"])


def install_with(workspace: Workspace, name: str, installer: list[str]) -> None:
    """The two steps of an install with one installer. Raises InstallError."""
    count = len(re.findall(r"^\S+==", workspace.lock_file.read_text(), re.MULTILINE))
    say(f"installing {count} locked packages with {name} (a minute or two at first)")
    run(
        workspace,
        [*installer, "--no-deps", "--require-hashes", "-r", str(workspace.lock_file)],
        f"{name} could not install the locked packages",
        f"is the package index reachable? The whole output is in {workspace.log}",
    )
    editable = [part for package in workspace.packages() for part in ("-e", f"./{package.name}")]
    run(
        workspace,
        [*installer, "--no-deps", "--no-build-isolation", *editable],
        f"{name} could not install the packages of the workspace",
    )


def bring_up_to_date(workspace: Workspace) -> None:
    """Converge from whatever an earlier call left behind; the stamp is written last."""
    with only_one(workspace):
        if workspace.is_installed():
            return
        started = time.monotonic()
        workspace.log.unlink(missing_ok=True)
        check_machine(workspace)
        wanted = workspace.wanted()
        make_venv(workspace)
        install(workspace)
        workspace.unfinished.unlink()
        fresh = workspace.stamp.with_suffix(".new")
        fresh.write_bytes(wanted)
        fresh.rename(workspace.stamp)
        say(f"installed in {time.monotonic() - started:.1f} s")


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 installed, 1 it failed and says why, 130 interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        bring_up_to_date(Workspace(Path(arguments[0])))
    except InstallError as failure:
        say(str(failure))
        if failure.hint:
            _write(f"hint: {failure.hint}\n")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next ./dev starts over where it must")
        return 130
    except OSError as failure:
        hint = "free some space" if failure.errno == errno.ENOSPC else "may this user write there?"
        say(f"{failure.strerror}: {failure.filename or arguments[0]}")
        _write(f"hint: {hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
