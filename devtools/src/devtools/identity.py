"""Who a process is: pid, start time and boot id, so that a reused pid is never taken for an old acquaintance.

It must not signal or start anything.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Identity(NamedTuple):
    """One process of one boot; `started` is in ticks since boot (elsewhere than Linux: microseconds)."""

    pid: int
    started: int
    boot: str

    def to_json(self) -> dict[str, int | str]:
        """As it is kept in state files."""
        return {"pid": self.pid, "started": self.started, "boot": self.boot}


def from_json(value: object) -> Identity | None:
    """An identity from a state file; None where the text is not one (a forged or broken file)."""
    if not isinstance(value, dict):
        return None
    pid, started, boot = (value.get(key) for key in ("pid", "started", "boot"))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(pid, int) and isinstance(started, int) and isinstance(boot, str) and pid > 1:
        return Identity(pid, started, boot)
    return None


def of(pid: int) -> Identity | None:
    """The identity of a living process, None where there is none (a zombie counts as none)."""
    if sys.platform == "linux":
        fields = stat_fields(pid)
        if fields is None or fields[0] in ("Z", "X"):
            return None
        return Identity(pid, int(fields[19]), boot_id())
    import psutil

    try:
        return Identity(pid, int(psutil.Process(pid).create_time() * 1e6), boot_id())
    except psutil.Error:
        return None


def own() -> Identity:
    """The identity of this process."""
    identity = of(os.getpid())
    return identity or Identity(os.getpid(), 0, boot_id())


def is_alive(identity: Identity | None) -> bool:
    """True where exactly this process still lives."""
    return identity is not None and of(identity.pid) == identity


@cache
def boot_id() -> str:
    """A text that changes with every boot of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name: state, ppid, pgrp, session, …, start time at index 19."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 (hot path)
            return stream.read().rpartition(")")[2].split()
    except OSError:
        return None


def command_of(pid: int) -> str:
    """The command line of a process in one short line, for messages that name an owner."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return text[:120] or Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "an unknown command"
