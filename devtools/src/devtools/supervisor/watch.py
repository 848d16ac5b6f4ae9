"""Restarts what a save reaches: by a service's own `watch` paths, and where asked for by its repository.

It must not poll: a thread of watchdog sleeps in the kernel until a watched folder changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.graph import dependents
from devtools.supervisor.patterns import IGNORED, base_of, is_noise, matcher

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from devtools.plan import Plan
    from devtools.supervisor.engine import Engine
    from devtools.supervisor.sources import Sources

QUIET_S = 0.2  # an editor's save, a checkout: what comes together is one change
LONGEST_S = 2.0
GIT_PATIENCE_S = 60.0  # a lock that stays longer was left by a git that was killed
_WRITES = ("modified", "created", "deleted", "moved")


class Watcher:
    """The plan's `watch` keys, and its repositories where told to; without either nothing is imported."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_following = False
        self.sources: Sources | None = None
        self._root = ""
        self._watched: dict[str, tuple[str, ...]] = {}
        self._followed: object = None
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._git: list[Path] = []
        self._git_moved = asyncio.Event()
        self._observer: Any = None
        self._changed: dict[str, str] = {}
        self._saved: set[str] = set()
        self._first = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_due = False
        self._arming: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    def take(self, plan: Plan) -> None:
        """Watch what this plan names, and only that."""
        watched = {name: item.watch for name, item in plan.definitions.items() if item.watch}
        followed = _followed(plan) if self.is_following else None
        if (plan.root, watched, followed) == (self._root, self._watched, self._followed):
            if self.sources is not None:
                self.sources.plan = plan
            return
        if self._observer is not None:
            self._observer.stop()
            self._observer = None
        self._root, self._watched, self._followed = plan.root, watched, followed
        self._patterns = {name: matcher(patterns) for name, patterns in watched.items()}
        bases = {base_of(item) for items in watched.values() for item in items}
        self.sources, self._arming, self._git = None, None, []
        if followed is not None:
            bases |= self._follow_repositories(plan)
        if bases:
            self._observer = self._observe(bases)
        if self.sources is not None:
            self._arming = asyncio.get_running_loop().create_task(self._arm(self.sources))

    def _follow_repositories(self, plan: Plan) -> set[str]:
        from devtools.supervisor import git
        from devtools.supervisor.sources import Sources

        self.sources = Sources(plan)
        found = {git.folder_of(Path(plan.root) / plan.parts[name].path) for name in self.sources.names}
        self._git = sorted(folder for folder in found if folder is not None)
        return {base_of(item) for items in self.sources.bases.values() for item in items}

    def told(self) -> dict[str, str]:
        """Repository → what a save in it restarts, in words; empty where saves are not followed."""
        if self.sources is None:
            return {}
        from devtools.supervisor import reach

        return reach.told(self.sources.plan)

    async def follow(self, plan: Plan, wanted: bool | None) -> None:
        """Begin or cease to follow saves (None: as it was); returns once every save from now on is seen."""
        if wanted is not None and wanted is not self.is_following:
            self.is_following = wanted
            self.take(plan)
        if self._arming is not None:
            await self._arming

    async def _arm(self, sources: Sources) -> None:
        """Know the contents of now, before anything starts by them."""
        await asyncio.to_thread(sources.look, sources.names)

    def _observe(self, bases: set[str]) -> Any:  # noqa: ANN401 (watchdog's observer is chosen by the platform)
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer

        loop = asyncio.get_running_loop()
        watcher = self
        git_folders = {str(folder) for folder in self._git}

        class Handler(FileSystemEventHandler):
            """Runs in watchdog's thread: only what matters is handed to the loop."""

            def on_any_event(self, event: Any) -> None:  # noqa: ANN401 (events are a family of classes)
                if event.event_type not in _WRITES:
                    return
                if event.is_directory:  # its files are told one by one, but where it was moved away
                    if event.event_type in ("deleted", "moved"):
                        self.tell(os.fsdecode(event.src_path), watcher.folder_gone)
                    return
                for path in (event.src_path, event.dest_path):
                    self.tell(os.fsdecode(path), watcher.touched)

            def tell(self, path: str, call: Callable[[str], None]) -> None:
                if os.path.dirname(path) in git_folders:  # noqa: PTH120 (some 10 us less for each event)
                    loop.call_soon_threadsafe(watcher._git_moved.set)
                shown = os.path.relpath(path, watcher._root) if path else ""
                if shown and not is_noise(shown):
                    loop.call_soon_threadsafe(call, shown)

        observer = Observer()
        handler = Handler()
        folders = {**_folders(Path(self._root), bases), **dict.fromkeys(git_folders, False)}
        for folder, recursive in sorted(folders.items()):
            try:
                observer.schedule(handler, folder, recursive=recursive)
            except OSError as fault:  # the kernel's limit of watches: the services run all the same
                _say(f"{folder} cannot be watched: {fault.strerror}")
        observer.daemon = True
        observer.start()
        return observer

    def touched(self, path: str) -> None:
        """A file has changed: gather until it is quiet, then renew who is made of it."""
        names = [name for name, pattern in self._patterns.items() if pattern.fullmatch(path)]
        is_saved = self.sources is not None and self.sources.part_of(path) is not None
        if names or is_saved:
            self._gather(names, path, [path] if is_saved else [])

    def folder_gone(self, path: str) -> None:
        """A folder went away with all its files, of which the kernel told none where it was moved."""
        if self.sources is not None and (lost := self.sources.known_below(path)):
            self._gather([], path, lost)

    def _gather(self, names: list[str], path: str, saved: list[str]) -> None:
        now = time.monotonic()
        if not self._changed and not self._saved:
            self._first = now
        for name in names:
            self._changed.setdefault(name, path)
        self._saved.update(saved)
        if self._timer is not None:
            self._timer.cancel()
        pause = min(QUIET_S, max(0.0, self._first + LONGEST_S - now))
        self._timer = asyncio.get_running_loop().call_later(pause, self._act)

    def _act(self) -> None:
        self._is_due = True
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while self._is_due and not self.engine.is_closing:
            self._is_due = False
            has_waited = await self._until_git_rests()
            changed, self._changed = self._changed, {}
            saved, self._saved = self._saved, set()
            by_keys = self._by_keys(changed)
            services, tasks = await self._by_repositories(saved, everywhere=has_waited)
            if (by_keys or services or tasks) and not self.engine.is_closing:
                await self._restart({**services, **by_keys}, tasks, on_trial=services)

    async def _until_git_rests(self) -> bool:
        """A switch of branches is one change: wait until its lock is gone; True where there was one."""
        if not self._git:
            return False
        from devtools.supervisor import git

        end = time.monotonic() + GIT_PATIENCE_S
        has_waited = False
        while git.at_work(self._git) and (left := end - time.monotonic()) > 0:
            if not has_waited:
                _say("a git is at work (index.lock): waits for its end")
            has_waited = True
            self._git_moved.clear()
            if git.at_work(self._git):  # it may have gone between the look and the clearing
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._git_moved.wait(), left)
        return has_waited

    def _by_keys(self, changed: dict[str, str]) -> dict[str, str]:
        """Who names a changed path under `watch`, and whatever depends on that."""
        wanted = {name: path for name, path in changed.items() if self._may_renew(name)}
        edges = self.engine.edges()
        for name, path in list(wanted.items()):
            for above in dependents(edges, name):
                if self._may_renew(above):
                    wanted.setdefault(above, path)
        return wanted

    async def _by_repositories(
        self, saved: set[str], *, everywhere: bool
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The services and tasks that saves reach, where a content has truly changed.

        everywhere: the kernel may not have told all yet, so that every repository is looked at.
        """
        if self.sources is None or not saved:
            return {}, {}
        from devtools.supervisor import git, reach

        if self._arming is not None:
            await self._arming
        sources = self.sources
        told = {name for path in saved if (name := sources.part_of(path)) is not None}
        paths: list[str] = []
        for name in sources.names if everywhere else sorted(told):
            changed = await asyncio.to_thread(sources.look, [name], saved)
            if changed:
                paths += await git.without_ignored(
                    self.engine.reaper, sources.root / sources.plan.parts[name].path, changed
                )
        reached = reach.of(sources.plan, paths)
        services = {name: path for name, path in reached.services.items() if self._may_renew(name)}
        edges = self.engine.edges()
        for name, path in list(services.items()):
            for above in dependents(edges, name):
                if self._fell_with_another(above):
                    services.setdefault(above, path)
        tasks = {name: path for name, path in reached.tasks.items() if self._may_repeat(name)}
        return services, tasks

    async def _restart(
        self, services: dict[str, str], tasks: dict[str, str], *, on_trial: dict[str, str]
    ) -> None:
        blamed = sorted({*services.values(), *tasks.values()})
        shown = ", ".join(blamed[:3]) + (f" and {len(blamed) - 3} more" if len(blamed) > 3 else "")
        again = f"runs {', '.join(tasks)} again" if tasks else ""
        renewed = f"restarts {', '.join(services)}" if services else ""
        _say(f"{shown} changed: {', '.join(filter(None, (again, renewed)))}")
        for name in tasks:  # a migration is not cut off in the middle
            while self.engine.nodes[name].is_active and not self.engine.is_closing:
                await self.engine.next_change()
        await self.engine.stop_all(services, reason=f"restarting: {shown} changed")
        if not self.engine.is_closing:
            self.engine.start([*tasks, *services], again=tasks)
            for name in on_trial:
                self.engine.nodes[name].is_on_trial = True

    def _may_renew(self, name: str) -> bool:
        """Whoever runs, starts or has failed; not a task, and not what somebody has stopped."""
        node = self.engine.nodes.get(name)
        if node is None or node.definition.is_task or node.definition.external:
            return False
        return node.is_active or node.phase in ("running", "failed")

    def _may_repeat(self, name: str) -> bool:
        """A task that was called for in this life of the workspace."""
        node = self.engine.nodes.get(name)
        return node is not None and (node.is_active or node.phase in ("succeeded", "failed"))

    def _fell_with_another(self, name: str) -> bool:
        """A service that failed only because of what it depends on: it is not to blame, and comes back."""
        node = self.engine.nodes[name]
        return node.phase == "failed" and node.reason.startswith("dependency ") and self._may_renew(name)


def _followed(plan: Plan) -> object:
    """All by which a plan says what a save reaches."""
    return plan.parts, {name: item.repositories for name, item in plan.definitions.items()}


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


def _say(text: str) -> None:
    sys.stderr.write(f"watch: {text}\n")
    sys.stderr.flush()
