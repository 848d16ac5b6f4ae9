"""Where a change set lives, which repositories it is in, and their exact commits. Must not move a branch."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from devtools import locks
from devtools.errors import Blocked, DevtoolsError, WrongUse
from devtools.manifest import load
from devtools.repositories import checkouts, fetch
from devtools.statefile import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from devtools.repositories.checkouts import Checkout
    from devtools.workspace import Workspace

LOCK_PATIENCE_S = 20.0
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class Change:
    """One change set of `home`, begun or not."""

    home: Workspace
    name: str

    @property
    def folder(self) -> Path:
        """All that belongs to the change is below it."""
        return self.home.state_dir / "changes" / self.name

    @property
    def tree(self) -> Path:
        """The worktrees, each at its repository's own path."""
        return self.folder / "tree"

    @property
    def branch(self) -> str:
        """The branch in every repository of the change."""
        return f"change/{self.name}"

    @property
    def record(self) -> dict[str, Any]:
        """change_id, and the commit that it began at by repository id."""
        return read_json(self.folder / "change.json")

    def remember(self, record: dict[str, Any]) -> None:
        """Replace the record."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "change.json", record)

    def worktree(self, checkout: Checkout) -> Checkout:
        """The same repository where the change is worked on."""
        return replace(checkout, folder=self.tree / checkout.path)


def named(home: Workspace, name: str) -> Change:
    """The change of this name; raises WrongUse for a name that no branch and folder may have."""
    if not _NAME.fullmatch(name):
        raise WrongUse(f"{name} cannot name a change", hint="a letter, then a-z, 0-9 and hyphen, 41 at most")
    return Change(home, name)


def begun(home: Workspace, name: str) -> Change:
    """The change of this name; raises WrongUse where it was never begun."""
    change = named(home, name)
    if not change.record.get("base"):
        raise WrongUse(f"there is no change {name}", hint=f"change start {name}")
    return change


def everything(home: Workspace) -> list[Checkout]:
    """Every checkout that is here, in the order of building."""
    return checkouts.build_order(checkouts.here(checkouts.of(home.root, load.of(home)[1].repositories)))


def parts(change: Change) -> list[Checkout]:
    """The repositories of the change, in the order of building."""
    base = change.record["base"]
    return [checkout for checkout in everything(change.home) if checkout.id in base]


def tip(change: Change, checkout: Checkout) -> str:
    """The change's commit in this repository: its branch here, else the one that was fetched."""
    own = checkout.asked("rev-parse", "--verify", "--quiet", f"refs/heads/{change.branch}^{{commit}}")
    if sha := own or fetched(change, checkout):
        return sha
    raise DevtoolsError(
        f"{checkout.id}: has no branch {change.branch}", hint=f"change start {change.name} makes it again"
    )


def fetched(change: Change, checkout: Checkout) -> str | None:
    """The change's commit as somebody published it and this repository has fetched it."""
    ref = f"refs/remotes/{_remote(checkout)}/{change.branch}"
    return checkout.asked("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")


def _remote(checkout: Checkout) -> str:
    try:
        return checkouts.remote(checkout)
    except DevtoolsError:
        return "origin"


def commits(change: Change) -> dict[str, str]:
    """The whole tuple by repository id: the change's commits, and what the home is at elsewhere."""
    base = change.record["base"]
    found: dict[str, str] = {}
    for checkout in sorted(everything(change.home), key=lambda item: item.id):
        found[checkout.id] = (
            tip(change, checkout) if checkout.id in base else checkout.git("rev-parse", "HEAD")
        )
    return found


def key_of(tuple_: dict[str, str]) -> str:
    """A short name of exactly these commits."""
    text = "".join(f"{name}={sha}\n" for name, sha in sorted(tuple_.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def existing(home: Workspace) -> list[Change]:
    """The changes that were begun, by name."""
    folder = home.state_dir / "changes"
    names = sorted(place.parent.name for place in folder.glob("*/change.json"))
    return [Change(home, name) for name in names if _NAME.fullmatch(name)]


@contextlib.contextmanager
def alone(change: Change) -> Generator[None]:
    """Only one command works on a change at a time; Blocked where it takes long."""
    folder = change.folder.parent
    change.home.make_state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f".{change.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not locks.take(descriptor, LOCK_PATIENCE_S):
            raise Blocked(f"another command works on the change {change.name}", hint="wait for it")
        fetch.held.add(descriptor)  # what a killed call started counts until it has ended
        _clear_after_a_kill(change, descriptor)
        os.write(descriptor, b"at work\n")
        try:
            yield
        except DevtoolsError:
            os.ftruncate(descriptor, 0)  # refused, not cut off: every git has ended by itself
            raise
        os.ftruncate(descriptor, 0)
    finally:
        fetch.held.discard(descriptor)
        os.close(descriptor)


def _clear_after_a_kill(change: Change, descriptor: int) -> None:
    """The lock file holds words only where the call that wrote them was cut off."""
    if os.fstat(descriptor).st_size and change.record.get("base"):
        from devtools.changes import dead_locks

        dead_locks.clear([change.worktree(item) for item in parts(change)], change.branch)
    os.ftruncate(descriptor, 0)
