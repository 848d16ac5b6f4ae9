"""Asks a service whether it is well: by command, HTTP, TCP, log line or notification.

It must not decide what an answer leads to, and never asks twice at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from typing import TYPE_CHECKING, NamedTuple

from devtools.supervisor import listeners

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.plan import Probe
    from devtools.supervisor.probe_shell import ProbeShell

FIRST_INTERVAL_S = 0.02
LAST_INTERVAL_S = 1.0
# A share of the time waited so far: what is ready soon is seen soon, what takes long is asked seldom.
INTERVAL_SHARE = 0.025
# After a question that took long, rest for as long and again: probes must not slow the start.
BUSY_SHARE = 2.0
# A question costs about 1 ms of processor time: 40 services are asked 12 times a second each.
PACE_S = 0.002


class Answer(NamedTuple):
    """What one question brought; `detail` is for `why`."""

    ok: bool
    detail: str


def interval(probe: Probe, waited_s: float, took_s: float, asking: int) -> float:
    """How long to wait before the next question: adaptive, unless the probe names an interval.

    asking: how many services are being asked now; together they must leave the machine to the services.
    """
    if probe.interval_s is not None:
        return probe.interval_s
    return max(soonest(took_s, asking), min(LAST_INTERVAL_S, waited_s * INTERVAL_SHARE))


def soonest(took_s: float, asking: int) -> float:
    """How long to wait at least, whatever sign of life the service gives."""
    return min(LAST_INTERVAL_S, max(FIRST_INTERVAL_S, asking * PACE_S, took_s * BUSY_SHARE))


async def ask(probe: Probe, shell: ProbeShell | None) -> Answer:
    """One question, bounded by the probe's timeout."""
    try:
        async with asyncio.timeout(probe.timeout_s):
            if probe.kind == "http":
                answer = await _http(probe)
            elif probe.kind == "tcp":
                answer = await _tcp(probe)
            else:
                assert shell is not None
                answer = await _exec(probe, shell)
    except TimeoutError:
        return Answer(False, f"no answer within {probe.timeout_s:g} s")
    except OSError as fault:
        return Answer(False, fault.strerror or str(fault))
    return answer


def is_ours(ports: tuple[int, ...], pids: set[int]) -> Answer:
    """Whether the listeners on `ports` belong to the service's own processes."""
    for port in ports:
        if not listeners.sockets_on(port) or listeners.listens(port, pids) is not False:
            continue
        stranger = listeners.owner(port)
        if stranger is not None and listeners.is_container_proxy(stranger):
            continue
        owner = listeners.describe_owner(port)
        return Answer(False, f"port {port} answers, but {owner} listens there, not this service")
    return Answer(True, "")


def wait_for_line(path: Path, offset: int, pattern: re.Pattern[bytes]) -> tuple[bytes | None, int]:
    """The first matching line after `offset`, and the offset from which to look again."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        stream.seek(offset)
        for line in stream:
            if not line.endswith(b"\n"):
                return (line, offset) if pattern.search(line) else (None, offset)
            offset += len(line)
            if pattern.search(line):
                return line, offset
    return None, offset


class Notifications:
    """The socket that a service tells READY=1 to (sd_notify)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ready = asyncio.Event()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        path.chmod(0o600)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := self._socket.recv(4096):
                if b"READY=1" in data.split(b"\n"):
                    self.ready.set()

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self.path.unlink(missing_ok=True)


async def _connect(probe: Probe) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    hosts = [probe.host] if probe.host else ["127.0.0.1", "::1"]
    for host in hosts[:-1]:
        with contextlib.suppress(ConnectionRefusedError):
            return await asyncio.open_connection(host, probe.port)
    try:
        return await asyncio.open_connection(hosts[-1], probe.port)
    except OSError as fault:
        raise ConnectionRefusedError(f"nothing listens on port {probe.port}") from fault


async def _tcp(probe: Probe) -> Answer:
    _, writer = await _connect(probe)
    writer.close()
    return Answer(True, f"port {probe.port} takes connections")


async def _http(probe: Probe) -> Answer:
    reader, writer = await _connect(probe)
    try:
        host = probe.host or "127.0.0.1"
        path = probe.path if probe.path.startswith("/") else f"/{probe.path}"
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{probe.port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("latin-1", errors="replace"))
        line = (await reader.readline()).decode("latin-1").strip()
    except ValueError:
        return Answer(False, f"GET {probe.path} was answered by something that is not HTTP")
    finally:
        writer.close()
    match = re.match(r"HTTP/\d(?:\.\d)? (\d{3})", line)
    if match is None:
        return Answer(False, f"GET {probe.path} was answered by something that is not HTTP")
    status = int(match[1])
    good = probe.status_low <= status <= probe.status_high
    return Answer(good, f"GET {probe.path} on port {probe.port} answered {status}")


async def _exec(probe: Probe, shell: ProbeShell) -> Answer:
    code, said = await shell.ask()
    first = probe.command.strip().splitlines()[0][:80]
    return Answer(code == 0, f"`{first}` exited {code}" + (f": {said}" if said else ""))
