"""A lean HTTP/1.1 load client for loopback, in a process of its own, bounded in count and time.

Must not send anything beyond this machine, and must not leave a queueing delay out of a latency: in open
mode a request's time runs from the moment it was due, not from the moment a connection was free for it.

    python benchmarks/load.py < plan.json     # see Plan; prints one JSON object
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import cast

MOST_CONNECTIONS = 1000
MOST_SECONDS = 120.0
MOST_REQUESTS = 2_000_000
_THIS_FILE = str(Path(__file__).resolve())


@dataclass(frozen=True)
class Plan:
    """What to send. `{n}` in path, headers and body becomes a number that no other request of it has.

    values: one for each request, in order, in place of `{value}`; there must be enough of them.
    rate: requests a second in open mode; 0 is closed mode, where a connection sends when it has its answer.
    """

    port: int
    path: str
    body: str = ""
    host: str = "127.0.0.1"
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    connections: int = 32
    seconds: float = 3.0
    warmup_s: float = 0.5
    rate: float = 0.0
    most_requests: int = MOST_REQUESTS
    run: str = "run"
    values: list[str] = field(default_factory=list[str])

    def check(self) -> None:
        """Refuse a plan without bounds, or against another machine."""
        if not ipaddress.ip_address(self.host).is_loopback:
            raise ValueError("only loopback may be loaded")
        if not (0 < self.connections <= MOST_CONNECTIONS and 0 < self.seconds <= MOST_SECONDS):
            raise ValueError(f"at most {MOST_CONNECTIONS} connections and {MOST_SECONDS} seconds")

    def requests(self) -> Iterator[bytes]:
        """Give the bytes of one request after the other."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        static = "{n}" not in head + self.body
        for n in count():
            number = f"{self.run}-{n:09d}"
            body = self.body.replace("{n}", number).encode()
            text = head.replace("{n}", number)
            if self.values:
                text = text.replace("{value}", self.values[n])
            request = f"{text}Content-Length: {len(body)}\r\n\r\n".encode() + body
            yield request
            while static:
                yield request


@dataclass
class Report:
    """What came back; latencies in milliseconds, of requests that were due after the warm-up."""

    requests: int
    seconds: float
    rate: float
    statuses: dict[str, int]
    failures: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._received = b""
        self._missing = -1
        self.since = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class
        self._load.connected(self)

    def send(self, request: bytes, since: float) -> None:
        assert self.transport is not None
        self.since = since
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            self._received = received
            return
        place = received.find(b"content-length: ", 0, end)
        length = int(received[place + 16 : received.find(b"\r\n", place)]) if place >= 0 else 0
        if len(received) < end + 4 + length:
            self._received = received
            return
        self._received = b""
        self._load.answered(self, received[9:12])

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self)


class _Load:
    """The whole run: connections that are free, requests that are due."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._requests = plan, plan.requests()
        self._free: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._statuses: Counter[bytes] = Counter()
        self._latencies_s: list[float] = []
        self._failures = self._sent = self._under_way = 0
        self._from = self._until = 0.0
        self._finished = asyncio.Event()

    async def run(self) -> Report:
        loop = asyncio.get_running_loop()
        opened = [
            await loop.create_connection(lambda: _Connection(self), self._plan.host, self._plan.port)
            for _ in range(self._plan.connections)
        ]
        start = perf_counter()
        self._from = start + self._plan.warmup_s
        self._until = self._from + self._plan.seconds
        if self._plan.rate:
            await self._send_on_schedule(start)
        else:
            for connection in list(self._free):
                self._next(connection)
            self._free.clear()
        try:
            await asyncio.wait_for(self._finished.wait(), self._plan.seconds + self._plan.warmup_s + 10)
        except TimeoutError:
            self._failures += self._under_way
        for transport, _ in opened:
            transport.abort()
        return self._report()

    async def _send_on_schedule(self, start: float) -> None:
        """The clock decides when a request is due; what cannot be sent at once waits, and its time runs."""
        due, step = start, 1 / self._plan.rate
        while due < self._until and self._sent < self._plan.most_requests:
            now = perf_counter()
            while due <= now and due < self._until:
                self._due.append(due)
                due += step
            while self._free and self._due:
                self._send(self._free.popleft(), self._due.popleft())
            await asyncio.sleep(max(0.0, min(due - perf_counter(), 0.005)))
        self._check_finished()

    def connected(self, connection: _Connection) -> None:
        self._free.append(connection)

    def answered(self, connection: _Connection, status: bytes) -> None:
        now = perf_counter()
        self._under_way -= 1
        if self._from <= connection.since < self._until:
            self._statuses[status] += 1
            self._latencies_s.append(now - connection.since)
        if not self._plan.rate:
            self._next(connection)
        elif self._due:
            self._send(connection, self._due.popleft())
        else:
            self._free.append(connection)
            self._check_finished()

    def lost(self, connection: _Connection) -> None:
        if not self._finished.is_set():
            self._failures += 1
            self._under_way -= 1
            self._check_finished()

    def _next(self, connection: _Connection) -> None:
        now = perf_counter()
        if now < self._until and self._sent < self._plan.most_requests:
            self._send(connection, now)
        else:
            self._check_finished()

    def _send(self, connection: _Connection, since: float) -> None:
        self._sent += 1
        self._under_way += 1
        connection.send(next(self._requests), since)

    def _check_finished(self) -> None:
        if self._under_way <= 0 and not self._due and perf_counter() >= self._until - 0.05:
            self._finished.set()

    def _report(self) -> Report:
        latencies = sorted(self._latencies_s)

        def at(part: float) -> float:
            place = min(len(latencies) - 1, int(len(latencies) * part))
            return round(latencies[place] * 1000, 3) if latencies else 0.0

        return Report(
            requests=len(latencies),
            seconds=self._plan.seconds,
            rate=round(len(latencies) / self._plan.seconds, 1),
            statuses={status.decode(): number for status, number in self._statuses.items()},
            failures=self._failures,
            p50_ms=at(0.5),
            p90_ms=at(0.9),
            p99_ms=at(0.99),
            p999_ms=at(0.999),
            max_ms=at(1.0),
        )


def run_plan(plan: Plan) -> Report:
    """Carry a plan out in this process."""
    plan.check()
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_Load(plan).run())
    return uvloop.run(_Load(plan).run())


async def run_apart(plan: Plan) -> Report:
    """Carry a plan out in a process of its own, so that client and server do not share an interpreter."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        _THIS_FILE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    if process.returncode:
        raise RuntimeError(f"the load client failed with exit status {process.returncode}")
    return Report(**json.loads(output))


def main() -> int:
    """Read a plan from stdin, print its report."""
    sys.stdout.write(json.dumps(asdict(run_plan(Plan(**json.load(sys.stdin))))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
