"""Lock files that a killed git left in a change's worktrees, where the next git would refuse to work.

Must not remove one that a living git may hold, nor any but of the change's own worktrees and branch, and of
the branch that a `land` was moving when it was cut off.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devtools.repositories.checkouts import Checkout

OF_A_MERGE = ("index.lock", "HEAD.lock", "ORIG_HEAD.lock")


def clear(worktrees: Iterable[Checkout], branch: str) -> None:
    """Remove the locks of a call that was cut off, but for a worktree where a git is at work."""
    for worktree in worktrees:
        own = worktree.asked("rev-parse", "--path-format=absolute", "--git-dir") if worktree.is_here else None
        if own is None or is_at_work(worktree):
            continue
        for lock in Path(own).glob("*.lock"):
            lock.unlink(missing_ok=True)
        clear_branch(worktree, branch)


def clear_branch(checkout: Checkout, branch: str) -> None:
    """Remove the lock of the change's branch, which nobody but the change moves."""
    common = checkout.git("rev-parse", "--path-format=absolute", "--git-common-dir")
    (Path(common) / f"refs/heads/{branch}.lock").unlink(missing_ok=True)


def clear_landing(checkout: Checkout, branch: str) -> list[str]:
    """Remove the locks that moving `branch` forward takes, where no git is at work; their names."""
    own = Path(checkout.git("rev-parse", "--path-format=absolute", "--git-dir"))
    common = Path(checkout.git("rev-parse", "--path-format=absolute", "--git-common-dir"))
    locks = [*(own / name for name in OF_A_MERGE), common / f"refs/heads/{branch}.lock"]
    found = [lock for lock in locks if lock.exists()]
    for lock in found:
        lock.unlink(missing_ok=True)
    return [lock.name for lock in found]


def is_at_work(checkout: Checkout) -> bool:
    """True where a git runs in this checkout."""
    return any(place.is_relative_to(checkout.folder) for place in _places_of_git())


def _places_of_git() -> Iterable[Path]:
    """Where every git that runs now is at work."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name().startswith("git") and process.status() != psutil.STATUS_ZOMBIE:
                yield Path(process.cwd())
