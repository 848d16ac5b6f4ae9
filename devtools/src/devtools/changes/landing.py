"""What a `land` was about to move, so that one that was killed in a merge is ended by the next call.

Must not touch a file that holds anything but what the commits before and after the merge say.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from devtools.changes import dead_locks
from devtools.errors import Blocked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from devtools.changes.place import Change
    from devtools.repositories.checkouts import Checkout


def begin(change: Change, moves: dict[str, tuple[str, str]]) -> None:
    """Note where each repository's branch is moved from and to, before the first one moves."""
    change.remember({**change.record, "landing": moves})


def end(change: Change) -> None:
    """All has moved, or was refused by a git that ended by itself."""
    change.remember({name: value for name, value in change.record.items() if name != "landing"})


def mend(
    change: Change, parts: Sequence[Checkout], target: Callable[[Checkout], str], say: Callable[[str], None]
) -> None:
    """End what an earlier call had begun when it was cut off; Blocked where that could lose work."""
    moves = change.record.get("landing", {})
    for checkout in parts:
        if checkout.id in moves:
            before, after = moves[checkout.id]
            _mend(checkout, target(checkout), before, after, say)


def _mend(checkout: Checkout, branch: str, before: str, after: str, say: Callable[[str], None]) -> None:
    if dead_locks.is_at_work(checkout):
        raise Blocked(
            f"{checkout.id}: an earlier land was cut off here, and a git is at work in {checkout.folder}",
            hint="wait for it to end, then call again",
        )
    locks = dead_locks.clear_landing(checkout, branch)
    left = f", which left {', '.join(locks)}" if locks else ""
    changed = _changed(checkout) if checkout.asked("symbolic-ref", "--short", "HEAD") == branch else []
    if changed and checkout.asked("rev-parse", "HEAD") in (before, after):
        if own := [path for path in changed if not _is_of_the_merge(checkout, path, before, after)]:
            shown = ", ".join(own)
            raise Blocked(
                f"{checkout.id}: an earlier land was cut off here{left}; changed since then: {shown}",
                hint=f"git -C {checkout.folder} stash push -- {' '.join(own)}, then call again",
            )
        checkout.git("reset", "--quiet", "--hard", after)
    if locks or changed:
        done = f"its {len(changed)} files are at {after[:12]} now" if changed else "the lock is removed"
        say(f"{checkout.id}: an earlier land was cut off in the merge{left}: {done}")


def _changed(checkout: Checkout) -> list[str]:
    told = checkout.git("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
    return [entry[3:] for entry in told.split("\0") if entry]


def _is_of_the_merge(checkout: Checkout, path: str, before: str, after: str) -> bool:
    """True where the file is as one of the commits has it, or is the beginning of what git was writing."""
    here = _content(checkout.folder / path)
    old, new = (_committed(checkout, sha, path) for sha in (before, after))
    return here in (old, new) or (here is not None and new is not None and new.startswith(here))


def _content(file: Path) -> bytes | None:
    if file.is_symlink():
        return str(file.readlink()).encode(errors="surrogateescape")
    return file.read_bytes() if file.is_file() else None


def _committed(checkout: Checkout, sha: str, path: str) -> bytes | None:
    """What a checkout of that commit writes there, through the filters of the repository."""
    done = subprocess.run(
        ["git", "-C", str(checkout.folder), "cat-file", "--filters", f"{sha}:{path}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    return done.stdout if done.returncode == 0 else None
