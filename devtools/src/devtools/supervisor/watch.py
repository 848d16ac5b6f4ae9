"""Restarts a service, and what runs on top of it, when a file that it watches changes.

It must not poll: a thread of watchdog sleeps in the kernel until a watched folder changes.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.graph import dependents

if TYPE_CHECKING:
    from devtools.plan import Plan
    from devtools.supervisor.engine import Engine

QUIET_S = 0.2  # an editor's save, a checkout: what comes together is one change
LONGEST_S = 2.0
IGNORED = frozenset(
    (".git", ".hg", ".devtools", ".venv", "node_modules", "__pycache__", ".pytest_cache", ".ruff_cache")
)
_NOISE = re.compile(r"(~|\.pyc|\.sw[a-p]|\.tmp|(^|/)4913|(^|/)\.#[^/]*)$")
_WRITES = ("modified", "created", "deleted", "moved")
_GLOB = re.compile(r"[*?\[]")


def matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What matches a path below the root: a file, all below a folder, or a glob (`src/**/*.py`)."""
    return re.compile("|".join(_expression(pattern) for pattern in patterns) or r"(?!)")


def base_of(pattern: str) -> str:
    """The part of a pattern before its first wildcard: the folder (or file) to look at."""
    kept: list[str] = []
    for part in pattern.rstrip("/").split("/"):
        if _GLOB.search(part):
            break
        kept.append(part)
    return "/".join(kept)


def is_noise(path: str) -> bool:
    """True for what no service is made of: repositories' own files, caches, editors' leftovers."""
    return not IGNORED.isdisjoint(path.split("/")) or _NOISE.search(path) is not None


class Watcher:
    """Follows the plan's `watch` keys; nothing runs, and nothing is imported, where no service has one."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._root = ""
        self._watched: dict[str, tuple[str, ...]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._observer: Any = None
        self._changed: dict[str, str] = {}
        self._first = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    def take(self, plan: Plan) -> None:
        """Watch what this plan names, and only that."""
        watched = {name: item.watch for name, item in plan.definitions.items() if item.watch}
        if (plan.root, watched) == (self._root, self._watched):
            return
        if self._observer is not None:
            self._observer.stop()
            self._observer = None
        self._root, self._watched = plan.root, watched
        self._patterns = {name: matcher(patterns) for name, patterns in watched.items()}
        if watched:
            self._observer = self._observe({base_of(item) for items in watched.values() for item in items})

    def _observe(self, bases: set[str]) -> Any:  # noqa: ANN401 (watchdog's observer is chosen by the platform)
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer

        loop = asyncio.get_running_loop()
        watcher = self

        class Handler(FileSystemEventHandler):
            """Runs in watchdog's thread: only what matters is handed to the loop."""

            def on_any_event(self, event: Any) -> None:  # noqa: ANN401 (events are a family of classes)
                if event.event_type not in _WRITES or event.is_directory:
                    return
                for path in (event.src_path, event.dest_path):
                    shown = os.path.relpath(os.fsdecode(path), watcher._root) if path else ""
                    if shown and not is_noise(shown):
                        loop.call_soon_threadsafe(watcher.touched, shown)

        observer = Observer()
        handler = Handler()
        for folder, recursive in sorted(_folders(Path(self._root), bases).items()):
            try:
                observer.schedule(handler, folder, recursive=recursive)
            except OSError as fault:  # the kernel's limit of watches: the services run all the same
                _say(f"{folder} cannot be watched: {fault.strerror}")
        observer.daemon = True
        observer.start()
        return observer

    def touched(self, path: str) -> None:
        """A file has changed: gather until it is quiet, then renew who watches it."""
        names = [name for name, pattern in self._patterns.items() if pattern.fullmatch(path)]
        if not names:
            return
        now = time.monotonic()
        if not self._changed:
            self._first = now
        for name in names:
            self._changed.setdefault(name, path)
        if self._timer is not None:
            self._timer.cancel()
        pause = min(QUIET_S, max(0.0, self._first + LONGEST_S - now))
        self._timer = asyncio.get_running_loop().call_later(pause, self._act)

    def _act(self) -> None:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while self._changed and not self.engine.is_closing:
            changed, self._changed = self._changed, {}
            wanted = {name: path for name, path in changed.items() if self._may_renew(name)}
            edges = self.engine.edges()
            for name, path in list(wanted.items()):
                for above in dependents(edges, name):
                    if self._may_renew(above):
                        wanted.setdefault(above, path)
            if wanted:
                _say(f"{', '.join(sorted(set(wanted.values())))} changed: restarts {', '.join(wanted)}")
                reason = f"restarting: {next(iter(wanted.values()))} changed"
                await self.engine.stop_all(wanted, reason=reason)
                if not self.engine.is_closing:
                    self.engine.start(wanted)

    def _may_renew(self, name: str) -> bool:
        """Whoever runs, starts or has failed; not a task, and not what somebody has stopped."""
        node = self.engine.nodes.get(name)
        if node is None or node.definition.is_task or node.definition.external:
            return False
        return node.is_active or node.phase in ("running", "failed")


def _folders(root: Path, bases: set[str]) -> dict[str, bool]:
    """Folder → whether all below it is looked at; a folder with caches in it is looked at piece by piece."""
    found: dict[str, bool] = {}
    for base in bases:
        place = root / base
        if place.is_file():
            found.setdefault(str(place.parent), False)
            continue
        if not place.is_dir():
            _say(f"{base} is to be watched and does not exist")
            place = next(parent for parent in place.parents if parent.is_dir())
            found.setdefault(str(place), False)
            continue
        children = [child for child in place.iterdir() if child.is_dir() and not child.is_symlink()]
        if not any(child.name in IGNORED for child in children):
            found[str(place)] = True
            continue
        found.setdefault(str(place), False)
        for child in children:
            if child.name not in IGNORED:
                found[str(child)] = True
    return found


def _expression(pattern: str) -> str:
    pattern = pattern.rstrip("/").removeprefix("./")
    if not _GLOB.search(pattern):
        return re.escape(pattern) + r"(?:/.*)?" if pattern not in ("", ".") else r".*"
    translated = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern):
        translated += {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}.get(part) or (
            part.replace("[!", "[^", 1) if part.startswith("[") and part.endswith("]") else re.escape(part)
        )
    return translated


def _say(text: str) -> None:
    sys.stderr.write(f"watch: {text}\n")
    sys.stderr.flush()
