"""The few kernel calls that Python does not wrap: subreaper, inotify, punching holes into files.

It must work, with less comfort, where the kernel has none of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys

_PR_SET_CHILD_SUBREAPER = 36
CHANGES = 0x2  # IN_MODIFY
GOES = 0x200 | 0x400 | 0x800  # IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF
APPEARS = 0x100 | 0x80 | 0x8  # IN_CREATE, IN_MOVED_TO, IN_CLOSE_WRITE
_IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
_KEEP_SIZE_PUNCH_HOLE = 0x1 | 0x2
_EVENT = struct.Struct("iIII")

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> bool:
    """Make orphans below this process its own children; False where the kernel cannot."""
    return sys.platform == "linux" and _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def punch_hole(descriptor: int, start: int, length: int) -> bool:
    """Free the disk blocks of a file's range without moving what follows; False where it cannot be done."""
    if sys.platform != "linux" or length <= 0:
        return False
    offset, size = ctypes.c_int64(start), ctypes.c_int64(length)
    return _libc.fallocate(descriptor, _KEEP_SIZE_PUNCH_HOLE, offset, size) == 0


class FileWatch:
    """Tells what happened to files; `descriptor` becomes readable, None where there is no inotify."""

    def __init__(self, events: int = CHANGES) -> None:
        self._events = events
        self.descriptor: int | None = None
        if sys.platform == "linux":
            made = _libc.inotify_init1(_IN_NONBLOCK_CLOEXEC)
            self.descriptor = made if made >= 0 else None

    def add(self, path: str) -> int | None:
        """Watch `path`; the returned number names it in `drain`."""
        if self.descriptor is None:
            return None
        made = _libc.inotify_add_watch(self.descriptor, os.fsencode(path), self._events)
        return made if made >= 0 else None

    def remove(self, watch: int) -> None:
        """Forget a file."""
        if self.descriptor is not None:
            _libc.inotify_rm_watch(self.descriptor, watch)

    def close(self) -> None:
        """Forget everything."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def drain(self) -> set[tuple[int, str]]:
        """The watches that fired since the last call, each with the file's name where a folder is watched."""
        fired: set[tuple[int, str]] = set()
        if self.descriptor is None:
            return fired
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, 65536):
                position = 0
                while position < len(data):
                    watch, _, _, length = _EVENT.unpack_from(data, position)
                    position += _EVENT.size + length
                    fired.add((watch, os.fsdecode(data[position - length : position].rstrip(b"\0"))))
        return fired
