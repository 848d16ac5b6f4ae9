"""Which processes belong to one run of a command: its group, its session, their descendants, escapees too.

It must never go by a process's name, and must not signal anything.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from devtools.identity import stat_fields

if TYPE_CHECKING:
    from pathlib import Path

RUN_VARIABLE = "DEVTOOLS_RUN"


class Process(NamedTuple):
    """One living process as the kernel lists it."""

    pid: int
    parent: int
    group: int
    session: int
    started: int
    ticks: int
    resident: int


def snapshot() -> dict[int, Process]:
    """Every living process of this machine (zombies left out) by pid."""
    if sys.platform != "linux":
        return _portable_snapshot()
    page = os.sysconf("SC_PAGE_SIZE")
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 (hot path)
        if not name.isdecimal():
            continue
        pid = int(name)
        fields = stat_fields(pid)
        if fields is None or fields[0] in ("Z", "X"):
            continue
        ticks = int(fields[11]) + int(fields[12])
        found[pid] = Process(
            pid,
            int(fields[1]),
            int(fields[2]),
            int(fields[3]),
            int(fields[19]),
            ticks,
            int(fields[21]) * page,
        )
    return found


def members(
    leader: int, mark: str, processes: dict[int, Process] | None = None, *, started: int | None = None
) -> set[int]:
    """The living processes of the run that `leader` began.

    mark: the run's value of DEVTOOLS_RUN, which every descendant inherits, whatever group, session or
    parent it has moved to since. started: when the leader began; a younger process of the same pid is a
    stranger (the number was free, so nothing of ours is in that group any more).
    """
    processes = snapshot() if processes is None else processes
    me = os.getpid()
    holder = processes.get(leader)
    is_reused = holder is not None and started is not None and holder.started != started
    tree = {
        process.pid
        for process in processes.values()
        if not is_reused and leader in (process.pid, process.group, process.session) and process.pid != me
    }
    for process in processes.values():
        orphan = process.parent in (1, me) or process.parent not in processes
        if orphan and process.pid not in tree and process.pid != me and mark_of(process.pid) == mark:
            tree.add(process.pid)
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    pending = list(tree)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in tree and child != me:
                tree.add(child)
                pending.append(child)
    return tree


def marked(prefix: str) -> dict[int, str]:
    """Every living process whose DEVTOOLS_RUN begins with `prefix`, with its mark."""
    found: dict[int, str] = {}
    for pid in snapshot():
        mark = mark_of(pid)
        if mark is not None and mark.startswith(prefix):
            found[pid] = mark
    return found


def mark_of(pid: int) -> str | None:
    """The DEVTOOLS_RUN that a process was started with; None where it has none or is not ours to read."""
    if sys.platform != "linux":
        return _portable_mark(pid)
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:  # noqa: PTH123 (hot path)
            data = stream.read()
    except OSError:
        return None
    needle = RUN_VARIABLE.encode() + b"="
    start = 0 if data.startswith(needle) else data.find(b"\0" + needle) + 1
    if start == 0 and not data.startswith(needle):
        return None
    return data[start + len(needle) :].split(b"\0", 1)[0].decode(errors="replace")


def is_leader_of(pid: int, mark: str, log: Path) -> bool:
    """True where a living process is provably the leader of the run with this mark.

    One whose environment was cleared (`exec env -i …`) carries no mark: it still leads a session of its own
    and writes to the run's log, which it was given open and no stranger is.
    """
    found = mark_of(pid)
    if found is not None:
        return found == mark
    try:
        return os.getsid(pid) == pid and any(_is_same(f"/proc/{pid}/fd/{number}", log) for number in (1, 2))
    except OSError:
        return False


def _is_same(descriptor: str, file: Path) -> bool:
    try:
        return os.path.samestat(os.stat(descriptor), file.stat())  # noqa: PTH116 (a link to what is open)
    except OSError:
        return False


def _portable_snapshot() -> dict[int, Process]:
    import psutil

    found: dict[int, Process] = {}
    for process in psutil.process_iter(["pid", "ppid", "create_time", "status"]):
        info = process.info
        if info["status"] == psutil.STATUS_ZOMBIE:
            continue
        try:
            group, session = os.getpgid(info["pid"]), os.getsid(info["pid"])
        except OSError:
            continue
        started = int((info["create_time"] or 0) * 1e6)
        found[info["pid"]] = Process(info["pid"], info["ppid"], group, session, started, 0, 0)
    return found


def _portable_mark(pid: int) -> str | None:
    import psutil

    try:
        return psutil.Process(pid).environ().get(RUN_VARIABLE)
    except (psutil.Error, OSError):
        return None
