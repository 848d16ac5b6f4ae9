"""What the watcher asks of git: whether one is at work in a checkout, and which files are ignored.

It must not change a checkout, and must do without git where there is none.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devtools.supervisor.reaper import Reaper

LOCK = "index.lock"
PATIENCE_S = 10.0


def folder_of(place: Path) -> Path | None:
    """The git folder of the checkout around `place`, a worktree's own one; None where there is none."""
    for around in (place, *place.parents):
        own = around / ".git"
        if own.is_dir():
            return own
        if own.is_file():
            try:
                told = own.read_text().removeprefix("gitdir:").strip()
            except (OSError, UnicodeDecodeError):
                return None
            return (around / told).resolve()
    return None


def at_work(folders: Iterable[Path]) -> bool:
    """True while a git holds the index of one of these git folders: a checkout is half done then."""
    return any((folder / LOCK).exists() for folder in folders)


async def without_ignored(reaper: Reaper, folder: Path, paths: Sequence[str]) -> list[str]:
    """Those of `paths` (below `folder`) that git does not ignore; all where git cannot say."""
    if folder_of(folder) is None:
        return list(paths)
    import tempfile

    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answered:
        asked.write("\0".join([*paths, "."]).encode(errors="surrogateescape"))
        asked.seek(0)
        command = ["git", "-C", str(folder), "check-ignore", "-z", "--stdin"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            _, ended = reaper.spawn(
                command,
                cwd=str(folder),
                environment=environment,
                output=answered.fileno(),
                stdin=asked.fileno(),
            )
        except OSError:
            return list(paths)
        await asyncio.wait([ended], timeout=PATIENCE_S)
        answered.seek(0)
        told = answered.read().decode(errors="surrogateescape")
    ignored = set(told.split("\0"))
    # A checkout around the workspace that ignores all of it has nothing to say about its files.
    return list(paths) if "." in ignored else [path for path in paths if path not in ignored]
