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
_IN_MODIFY = 0x2
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
    """Tells which files were written to; `descriptor` becomes readable, None where there is no inotify."""

    def __init__(self) -> None:
        self.descriptor: int | None = None
        if sys.platform == "linux":
            made = _libc.inotify_init1(_IN_NONBLOCK_CLOEXEC)
            self.descriptor = made if made >= 0 else None

    def add(self, path: str) -> int | None:
        """Watch `path`; the returned number names it in `drain`."""
        if self.descriptor is None:
            return None
        made = _libc.inotify_add_watch(self.descriptor, os.fsencode(path), _IN_MODIFY)
        return made if made >= 0 else None

    def remove(self, watch: int) -> None:
        """Forget a file."""
        if self.descriptor is not None:
            _libc.inotify_rm_watch(self.descriptor, watch)

    def drain(self) -> set[int]:
        """The watches that fired since the last call."""
        fired: set[int] = set()
        if self.descriptor is None:
            return fired
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, 65536):
                position = 0
                while position < len(data):
                    watch, _, _, length = _EVENT.unpack_from(data, position)
                    fired.add(watch)
                    position += _EVENT.size + length
        return fired
