"""Reads the logs that services write: dated, merged, followed, with or without a supervisor.

It must never write to a log or shorten one.
"""

from __future__ import annotations

import bisect
import contextlib
import heapq
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from devtools.supervisor.records import KEPT, RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

POLL_S = 0.1
_CHUNK = 1 << 16


class Line(NamedTuple):
    """One line of one log, and when it was written (to about 50 ms)."""

    at: float
    source: str
    text: str


@dataclass(slots=True)
class _Reader:
    """Follows one file from an offset; a line that is not ended yet is kept back."""

    name: str
    path: Path
    offset: int = 0
    rest: bytes = b""
    offsets: list[int] = field(default_factory=lambda: [])
    times: list[float] = field(default_factory=lambda: [])

    def load_index(self) -> None:
        with contextlib.suppress(OSError):
            data = self.path.with_suffix(".idx").read_bytes()
            usable = len(data) // RECORD.size * RECORD.size
            pairs = list(RECORD.iter_unpack(data[:usable]))
            self.offsets = [pair[0] for pair in pairs]
            self.times = [pair[1] for pair in pairs]

    @property
    def base(self) -> int:
        """Where the file begins after rotation."""
        return self.offsets[0] if self.offsets and self.times[0] == 0.0 else 0

    def at(self, offset: int) -> float:
        """When the byte before `offset` was written; what is not dated yet is as old as the file."""
        place = bisect.bisect_left(self.offsets, offset)
        if place < len(self.offsets) and self.times[place] > 0:
            return self.times[place]
        with contextlib.suppress(OSError):
            return self.path.stat().st_mtime
        return time.time()

    def read(self) -> Iterator[Line]:
        """The whole lines from the present offset on."""
        with contextlib.suppress(OSError), self.path.open("rb") as stream:
            stream.seek(self.offset)
            while data := stream.read(_CHUNK):
                *lines, self.rest = (self.rest + data).split(b"\n")
                start = self.offset + len(data) - len(self.rest) - sum(len(line) + 1 for line in lines)
                for line in lines:
                    start += len(line) + 1
                    yield Line(self.at(start), self.name, line.decode(errors="replace").rstrip("\r"))
                self.offset += len(data)


def names(folder: Path) -> list[str]:
    """The services and tasks that have a log."""
    found = (path.stem for path in folder.glob("*.log"))
    return sorted(name for name in found if name != "supervisor")


def tail(folder: Path, sources: Sequence[str], lines: int | None, since: float | None = None) -> list[Line]:
    """The last `lines` lines (None: all) of the logs in the order of time, none older than `since`."""
    merged = list(
        heapq.merge(*(_past(folder, name, lines, since) for name in sources), key=lambda line: line.at)
    )
    return merged if lines is None else merged[-lines:] if lines else []


def recent(folder: Path, sources: Sequence[str], max_bytes: int) -> list[Line]:
    """The whole lines in the last `max_bytes` of each log since its rotation, in the order of time."""
    return list(
        heapq.merge(*(_recent(folder, name, max_bytes) for name in sources), key=lambda line: line.at)
    )


def follow(folder: Path, sources: Sequence[str], known: dict[str, int]) -> Iterator[Line]:
    """New lines as they come, from the offsets in `known` (name → offset; else from the end); never ends."""
    readers = [
        _Reader(name, folder / f"{name}.log", known.get(name, _size(folder / f"{name}.log")))
        for name in sources
    ]
    while True:
        fresh: list[Line] = []
        for reader in readers:
            if _size(reader.path) > reader.offset:
                fresh.extend(line._replace(at=time.time()) for line in reader.read())
        fresh.sort(key=lambda line: line.at)
        yield from fresh
        if not fresh:
            time.sleep(POLL_S)


def fresh(
    folder: Path, name: str, known: dict[str, int], *, whole: bool
) -> tuple[list[Line], dict[str, int]]:
    """The lines of one log since `known`, and where to go on; `whole` takes an unended last line as well."""
    reader = _Reader(name, folder / f"{name}.log", known.get(name, 0))
    lines = list(reader.read())
    if whole and reader.rest:
        lines.append(Line(time.time(), name, reader.rest.decode(errors="replace")))
        reader.rest = b""
    return lines, {**known, name: reader.offset - len(reader.rest)}


def ends(folder: Path, sources: Sequence[str]) -> dict[str, int]:
    """Where each log ends now, to be given to `follow`."""
    return {name: _size(folder / f"{name}.log") for name in sources}


def _past(folder: Path, name: str, lines: int | None, since: float | None) -> list[Line]:
    path = folder / f"{name}.log"
    reader = _Reader(name, path)
    reader.load_index()
    size = _size(path)
    reader.offset = reader.base
    if lines is not None:
        reader.offset = max(reader.base, _offset_of_last(path, reader.base, size, lines))
    found = list(reader.read())
    if reader.rest:
        found.append(Line(reader.at(size), name, reader.rest.decode(errors="replace")))
    if lines is None or len(found) < lines:
        found = _rotated(path, name, lines is None) + found
    if since is not None:
        found = [line for line in found if line.at >= since]
    return found if lines is None else found[-lines:]


def _recent(folder: Path, name: str, max_bytes: int) -> list[Line]:
    path = folder / f"{name}.log"
    reader = _Reader(name, path)
    reader.load_index()
    size = _size(path)
    reader.offset = max(reader.base, _next_line(path, size - max_bytes))
    found = list(reader.read())
    if reader.rest:
        found.append(Line(reader.at(size), name, reader.rest.decode(errors="replace")))
    return found


def _next_line(path: Path, position: int) -> int:
    """The offset at which the first line begins that does not begin before `position`."""
    if position > 0:
        with contextlib.suppress(OSError), path.open("rb") as stream:
            stream.seek(position - 1)
            return position - 1 + len(stream.readline())
    return 0


def _rotated(path: Path, name: str, every: bool) -> list[Line]:
    """Lines of rotated files, oldest first; they carry the time of their file."""
    found: list[Line] = []
    for number in range(KEPT if every else 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        with contextlib.suppress(OSError):
            at = older.stat().st_mtime
            found.extend(Line(at, name, text) for text in older.read_text(errors="replace").splitlines())
    return found


def _offset_of_last(path: Path, base: int, size: int, lines: int) -> int:
    """The offset at which the last `lines` lines begin, read from the end in pieces."""
    position, count = size, 0
    with contextlib.suppress(OSError), path.open("rb") as stream:
        while position > base:
            step = min(_CHUNK, position - base)
            stream.seek(position - step)
            data = stream.read(step)
            count += data.count(b"\n")
            if count > lines:
                begin = 0
                for _ in range(count - lines):
                    begin = data.index(b"\n", begin) + 1
                return position - step + begin
            position -= step
    return base


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 (asked ten times a second)
    except OSError:
        return 0
