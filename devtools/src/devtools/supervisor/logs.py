"""The log files that services write to directly: when each part was written, and rotation without loss.

It must never stand between a service and its file, and never read what it only has to date.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.supervisor.kernel import FileWatch, punch_hole
from devtools.supervisor.records import KEPT, RECORD

if TYPE_CHECKING:
    from collections.abc import Callable

COALESCE_S = 0.05
MAX_BYTES = 16 * 1024 * 1024
_BLOCK = 4096


@dataclass(slots=True)
class LogFile:
    """One service's log: `base` is where it still begins after rotation, offsets never shift."""

    path: Path
    descriptor: int
    index: int
    base: int
    noted: int
    watch: int | None

    @property
    def size(self) -> int:
        """The offset at which the next line will begin."""
        return os.fstat(self.descriptor).st_size


class Logs:
    """All log files of an instance; wakes when one grows, at most 20 times a second in all."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._files: dict[str, LogFile] = {}
        self._by_watch: dict[int, str] = {}
        self._watch = FileWatch()
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._pending = False
        self._ticker: asyncio.Task[None] | None = None

    def install(self) -> None:
        """Begin to listen for growth in the running loop."""
        loop = asyncio.get_running_loop()
        if self._watch.descriptor is not None:
            loop.add_reader(self._watch.descriptor, self._grown)
        else:
            self._ticker = loop.create_task(self._tick())

    def open(self, name: str) -> LogFile:
        """The log of one service, opened for appending once and kept."""
        if name in self._files:
            return self._files[name]
        path = self.folder / f"{name}.log"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        descriptor = os.open(path, flags, 0o600)
        index = os.open(path.with_suffix(".idx"), flags, 0o600)
        size = os.fstat(descriptor).st_size
        base, noted = _resume(index, size)
        watch = self._watch.add(str(path))
        log = LogFile(path, descriptor, index, base, noted, watch)
        self._files[name] = log
        if watch is not None:
            self._by_watch[watch] = name
        self._note(log)
        return log

    def on_growth(self, name: str, call: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever the log of `name` has grown; returns how to cancel that."""
        self._listeners.setdefault(name, []).append(call)

        def cancel() -> None:
            with contextlib.suppress(ValueError):
                self._listeners[name].remove(call)

        return cancel

    def last_words(self, name: str, offset: int) -> str:
        """The last line that was written after `offset`, shortened; empty where nothing was."""
        log = self.open(name)
        start = max(offset, log.size - _BLOCK)
        with log.path.open("rb") as reader:
            reader.seek(start)
            lines = reader.read(_BLOCK).decode(errors="replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")

    def flush(self) -> None:
        """Date what was written since the last look."""
        for log in self._files.values():
            self._note(log)

    def _grown(self) -> None:
        # Growth that someone waits for is told at once; dating and rotation are gathered.
        for watch, _ in self._watch.drain():
            for call in list(self._listeners.get(self._by_watch.get(watch, ""), ())):
                call()
        if self._pending or self._watch.descriptor is None:
            return
        self._pending = True
        self.flush()
        loop = asyncio.get_running_loop()
        if not any(self._listeners.values()):
            loop.remove_reader(self._watch.descriptor)
        loop.call_later(COALESCE_S, self._settle)

    def _settle(self) -> None:
        self._pending = False
        self.flush()
        if self._watch.descriptor is not None:
            asyncio.get_running_loop().add_reader(self._watch.descriptor, self._grown)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.flush()
            for calls in self._listeners.values():
                for call in list(calls):
                    call()

    def _note(self, log: LogFile) -> None:
        size = log.size
        if size == log.noted:
            return
        with contextlib.suppress(OSError):  # a full disk costs dates, not the service
            os.write(log.index, RECORD.pack(size, time.time()))
        log.noted = size
        if size - log.base > self.max_bytes:
            with contextlib.suppress(OSError):
                self._rotate(log, size)

    def _rotate(self, log: LogFile, size: int) -> None:
        """Copy what is old to NAME.log.1 and free its blocks in place: the writer notices nothing."""
        cut = _last_line_end(log.descriptor, log.base, size)
        for number in range(KEPT, 1, -1):
            older = log.path.with_name(f"{log.path.name}.{number - 1}")
            if older.exists():
                older.replace(log.path.with_name(f"{log.path.name}.{number}"))
        target = os.open(
            log.path.with_name(f"{log.path.name}.1"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
        )
        try:
            position = log.base
            while position < cut:
                chunk = os.pread(log.descriptor, min(1 << 20, cut - position), position)
                os.write(target, chunk)
                position += len(chunk)
        finally:
            os.close(target)
        start = log.base // _BLOCK * _BLOCK
        if punch_hole(log.descriptor, start, cut // _BLOCK * _BLOCK - start):
            log.base = cut
            fresh = RECORD.pack(cut, 0.0) + RECORD.pack(size, time.time())
            os.ftruncate(log.index, 0)
            os.write(log.index, fresh)


def _resume(index: int, size: int) -> tuple[int, int]:
    """(base, last noted offset) of an earlier supervisor's index; a broken or foreign index begins anew."""
    length = os.fstat(index).st_size // RECORD.size * RECORD.size
    if length:
        first = RECORD.unpack(os.pread(index, RECORD.size, 0))
        last = RECORD.unpack(os.pread(index, RECORD.size, length - RECORD.size))
        if first[0] <= last[0] <= size:
            return (first[0] if first[1] == 0.0 else 0), last[0]
    os.ftruncate(index, 0)
    return 0, 0


def _last_line_end(descriptor: int, base: int, size: int) -> int:
    window = min(size - base, 65536)
    tail = os.pread(descriptor, window, size - window)
    end = tail.rfind(b"\n")
    return size - window + end + 1 if end >= 0 else size
