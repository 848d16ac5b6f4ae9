"""Signs that a service may have become ready, so that it is asked now and not at the end of a pause.

It must not answer for the service: a sign only hastens the next question.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

from devtools.supervisor.kernel import APPEARS, FileWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtools.supervisor.logs import Logs

_WORD = re.compile(r"[\w./@+,-]+")
_MOST_WORDS = 16


def files_named_in(command: str, folder: str) -> set[str]:
    """The absolute paths that the words of a command may mean, where their folder is there."""
    found: set[str] = set()
    for word in _WORD.findall(command)[:_MOST_WORDS]:
        path = os.path.normpath(os.path.join(folder, word))  # noqa: PTH118 (text, not files)
        if not word.startswith("-") and os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120 (the same)
            found.add(path)
    return found


class Appearances:
    """Tells that a file has appeared, by one inotify for all services; silent where there is none."""

    def __init__(self) -> None:
        self._watch: FileWatch | None = None
        self._folders: dict[int, str] = {}
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    def on(self, paths: set[str], call: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever one of `paths` is made, moved there or closed; returns how to cancel that."""
        for path in paths:
            self._listeners.setdefault(path, []).append(call)
            self._follow(os.path.dirname(path))  # noqa: PTH120 (text)

        def cancel() -> None:
            for path in paths:
                self._listeners[path].remove(call)
                if not self._listeners[path]:
                    del self._listeners[path]
            if not self._listeners:
                self._rest()

        return cancel

    def _follow(self, folder: str) -> None:
        if self._watch is None:
            self._watch = FileWatch(APPEARS)
            if self._watch.descriptor is not None:
                asyncio.get_running_loop().add_reader(self._watch.descriptor, self._appeared)
        if folder not in self._folders.values() and (watch := self._watch.add(folder)) is not None:
            self._folders[watch] = folder

    def _appeared(self) -> None:
        assert self._watch is not None
        for watch, name in self._watch.drain():
            path = f"{self._folders.get(watch, '').rstrip('/')}/{name}"
            for call in list(self._listeners.get(path, ())):
                call()

    def _rest(self) -> None:
        """Nobody waits for anything: the kernel need not tell us."""
        # The inotify itself stays: to close one takes the kernel 15 ms and more, at every link of a chain.
        if self._watch is not None:
            for watch in self._folders:
                self._watch.remove(watch)
        self._folders.clear()


class Signs:
    """What hastens the questions to one service: its log's growth and the files that its probe names."""

    def __init__(self, name: str, logs: Logs, appearances: Appearances, paths: set[str]) -> None:
        self._name = name
        self._logs = logs
        self._appeared = asyncio.Event()
        self._cancel = appearances.on(paths, self._appeared.set)

    async def rest(self, pause_s: float, soonest_s: float) -> None:
        """Wait `pause_s`; growth of the log shortens that to `soonest_s`, an appearance to nothing."""
        end = asyncio.get_running_loop().time() + soonest_s
        try:
            async with asyncio.timeout(pause_s) as limit:

                def grown() -> None:
                    cancel()  # one sign is enough: whoever writes much is not read for it
                    when = limit.when()
                    if when is not None and end < when and not limit.expired():
                        limit.reschedule(end)

                cancel = self._logs.on_growth(self._name, grown)
                try:
                    await self._appeared.wait()
                finally:
                    cancel()
        except TimeoutError:
            return
        finally:
            self._appeared.clear()

    def close(self) -> None:
        """Look for no more signs."""
        self._cancel()
