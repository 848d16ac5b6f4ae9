"""Who listens on a TCP port: so that a stranger on the port is never taken for our service.

It must not connect to anything.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LISTEN = "0A"
_PROXIES = ("docker-proxy", "rootlesskit", "rootlessport", "gvproxy", "conmon", "slirp4netns", "pasta")


def is_free(port: int) -> bool:
    """True where a server could listen on `port` now, on every local address."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 (a test bind)
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except PermissionError:
            return False
        except OSError:
            if family == socket.AF_INET or _listening(port):
                return False
    return True


def sockets_on(port: int) -> set[str]:
    """The kernel's inode numbers of the sockets that listen on `port`."""
    wanted = f"{port:04X}"
    found: set[str] = set()
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and fields[1].rpartition(":")[2] == wanted:
                found.add(fields[9])
    return found


def listens(port: int, pids: Iterable[int]) -> bool | None:
    """True where one of `pids` listens on `port`; None where that cannot be known."""
    if sys.platform != "linux":
        return _portable_listens(port, pids)
    inodes = sockets_on(port)
    unsure = False
    for pid in pids:
        held = _sockets_of(pid)
        if held is None:
            unsure = True
        elif held & inodes:
            return True
    return None if unsure else False


def owner(port: int) -> int | None:
    """The pid of a process that listens on `port`, where it can be seen."""
    if sys.platform != "linux":
        return None
    inodes = sockets_on(port)
    if not inodes:
        return None
    for name in os.listdir("/proc"):  # noqa: PTH208 (hot path)
        if name.isdecimal() and (held := _sockets_of(int(name))) and held & inodes:
            return int(name)
    return None


def is_container_proxy(pid: int) -> bool:
    """True for the helper by which a container engine publishes a port: it listens in our service's stead."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() in _PROXIES
    except OSError:
        return False


def describe_owner(port: int) -> str:
    """`python3 -m http.server (pid 71)`, or what can be said without the right to look."""
    from devtools.identity import command_of

    pid = owner(port)
    return f"`{command_of(pid)}` (pid {pid})" if pid else "a process of another user"


def _sockets_of(pid: int) -> set[str] | None:
    folder = f"/proc/{pid}/fd"
    found: set[str] = set()
    try:
        for name in os.listdir(folder):  # noqa: PTH208 (hot path)
            try:
                target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 (hot path)
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except FileNotFoundError:
        return set()
    except OSError:
        return None
    return found


def _listening(port: int) -> bool:
    return bool(sockets_on(port)) if sys.platform == "linux" else False


def _portable_listens(port: int, pids: Iterable[int]) -> bool | None:
    import psutil

    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except (psutil.Error, OSError):
            continue
        if any(item.status == psutil.CONN_LISTEN and item.laddr.port == port for item in connections):
            return True
    return False
