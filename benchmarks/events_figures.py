"""What benchmarks/events.py reports: every figure from real processes on the given server.

Must not judge: targets stand in events.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import load
import payments as payments_bench
import psycopg
import queue_figures
from load import Plan
from payments_schema.database.migrate import migrate
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.invoices import inbox
from payments_schema.invoices.inbox import Arrived
from payments_schema.webhooks import store as webhooks
from payments_schema.wire.webhooks import CreateSubscription
from psycopg import AsyncConnection

HERE = Path(__file__).resolve().parent
ROUNDS = 3
SECONDS = 2.0
CONNECTIONS = 32
APPLIED_ROUNDS = 3
STOCK_MESSAGES = 1_500
APPLIED = 15_000
OF_ONE = 5_000
INVOICES = 1_000
ACCEPTED_TOGETHER = 50
CALM_EVENTS = 200
OUTGOING_ROUNDS = 5
OUTGOING = 800
AT_ONCE = 16
ANSWER_S = 0.01
PATIENCE_S = 120.0

Rounds = dict[str, list[float]]
RATIOS = {
    "incoming_vs_noop": ("incoming_per_s", "noop_per_s"),
    "applied_vs_stock_noop": ("applied_per_s", "stock_noop_per_s"),
    "one_invoice_vs_stock_noop": ("one_invoice_per_s", "stock_noop_per_s"),
    "outgoing_vs_bare_httpx": ("outgoing_per_s", "bare_httpx_per_s"),
    "with_a_dead_endpoint_vs_without": ("outgoing_beside_dead_per_s", "outgoing_per_s"),
}

# Between the first and the last tenth, by the time each event was applied.
_RATE = """
WITH job AS (
    SELECT applied_at, ntile(10) OVER (ORDER BY applied_at, id) AS tenth
    FROM core.payment_event WHERE id > %(after)s)
SELECT count(*) / extract(epoch FROM max(applied_at) - min(applied_at))::float8
FROM job WHERE tenth BETWEEN 2 AND 9
"""
_INVOICES = """
INSERT INTO core.invoice (id, client, currency, total_minor, status, is_booked, customer)
SELECT i, 'bench', 'USD', 100000000, 'sent', false, 'bench' FROM unnest(%s::uuid[]) AS i
"""


def serve() -> None:
    """Run the real API with one more route, which reads the same body through the same layers."""
    from fastapi import APIRouter, Request
    from payments_api import logs
    from payments_api.app import create_app
    from payments_api.http.door import Door
    from payments_api.main import serve as listen
    from payments_api.settings import load as load_settings
    from payments_schema.wire.invoices import EventAccepted, PaymentEvent

    settings = load_settings()
    logs.configure(settings.log_level)
    app = create_app(settings)
    router = APIRouter(route_class=Door)

    async def noop(request: Request) -> EventAccepted:
        event = PaymentEvent.model_validate_json(await request.body())
        return EventAccepted(event_id=event.event_id)

    # Annotations are texts in this module; FastAPI must find the names of this function.
    noop.__annotations__ = {"request": Request, "return": EventAccepted}
    router.post("/bench/noop", status_code=202)(noop)
    app.include_router(router)
    listen(app, settings)


def measure(server: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Figures (medians of the rounds) and ratios; makes its databases on the server and drops them."""
    settings: dict[str, Any] = queue_figures._settings(server)  # noqa: SLF001 (a sibling's measuring tool)
    rounds: Rounds = {}
    with payments_bench.fresh_database(server) as url, tempfile.TemporaryDirectory() as folder:
        rounds |= asyncio.run(_incoming(url, Path(folder) / "api.log"))
    with queue_figures._database(server) as stock, queue_figures._database(server) as ours:  # noqa: SLF001
        migrate(ours)
        rounds |= _applied(stock, ours)
        calm = {"calm_p50_ms": round(asyncio.run(_calm(ours)) * 1000, 2)}
    with payments_bench.fresh_database(server) as url:
        rounds |= asyncio.run(_outgoing(url))
    medians = {name: round(statistics.median(found)) for name, found in rounds.items()}
    ratios = {name: _ratio(rounds, *pair) for name, pair in RATIOS.items()}
    return settings | medians | calm, ratios


def _ratio(rounds: Rounds, measured: str, peer: str) -> float:
    """The median over the rounds: what loads the machine in one of them loads both."""
    return round(statistics.median(m / p for m, p in zip(rounds[measured], rounds[peer], strict=True)), 3)


# -- taken in ---------------------------------------------------------------------------------


async def _incoming(url: str, log: Path) -> Rounds:
    with _api(url, log) as port:
        rates: dict[str, list[float]] = {"/bench/noop": [], "/webhooks/payments": []}
        for _ in range(ROUNDS):
            for path, found in rates.items():
                found.append(await _drive(port, path))
    return {"noop_per_s": rates["/bench/noop"], "incoming_per_s": rates["/webhooks/payments"]}


async def _drive(port: int, path: str) -> float:
    body = {"event_id": "{n}000", "type": "payment", "invoice_id": str(uuid4()), "amount_cents": 100}
    report = await load.run_apart(
        Plan(
            port=port,
            path=path,
            body=json.dumps(body),
            headers={"Content-Type": "application/json"},
            connections=CONNECTIONS,
            seconds=SECONDS,
            run=str(uuid4())[:23],
        )
    )
    if report.failures or set(report.statuses) - {"202"}:
        raise RuntimeError(f"not every answer was 202: {report.statuses}, {report.failures} failures")
    return report.rate


@contextmanager
def _api(url: str, log: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = cast("int", probe.getsockname()[1])
    drop = ("AUTH_MODE", "HOST", "ALLOWED_HOSTS", "WEBHOOK_SECRET")
    environment = {k: v for k, v in os.environ.items() if k not in drop}
    environment |= {"DATABASE_URL": url, "PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "events.py"), "--serve"],
            stdout=output,
            stderr=output,
            env=environment,
        )
    try:
        payments_bench._wait_until_open(port, process, log)  # noqa: SLF001
        yield port
    finally:
        process.terminate()
        process.wait(20)


# -- applied ----------------------------------------------------------------------------------


def _applied(stock: str, ours: str) -> Rounds:
    program = [queue_figures._stock().python(), str(queue_figures.INTEROP / "stock_program.py")]  # noqa: SLF001
    with psycopg.connect(stock, autocommit=True) as conn:
        conn.execute(queue_figures._STOCK_TABLE)  # noqa: SLF001
    stock_rates: list[float] = []
    many: list[float] = []
    one: list[float] = []
    for _ in range(APPLIED_ROUNDS):
        stock_rates.append(queue_figures._noop(stock, STOCK_MESSAGES, program))  # noqa: SLF001
        many.append(_apply(ours, APPLIED, INVOICES))
        one.append(_apply(ours, OF_ONE, 1))
    return {"stock_noop_per_s": stock_rates, "applied_per_s": many, "one_invoice_per_s": one}


def _apply(url: str, count: int, invoices: int) -> float:
    """Events a second of one worker process with a backlog that the API stored in batches."""
    ids = [uuid4() for _ in range(invoices)]
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_INVOICES, [ids])
        last = conn.execute("SELECT coalesce(max(id), 0) FROM core.payment_event").fetchone()
        asyncio.run(_store(url, count, ids))
        conn.execute("VACUUM ANALYZE dramatiq.queue, core.payment_event, core.invoice")
        with queue_figures._worker(url):  # noqa: SLF001
            _until(lambda: _count(conn, "waiting") == 0)
        rate = conn.execute(_RATE, {"after": last[0] if last else 0}).fetchone()
    assert rate is not None
    return float(rate[0])


async def _store(url: str, count: int, ids: list[UUID]) -> None:
    async with await AsyncConnection.connect(url, autocommit=True) as conn:
        for first in range(0, count, ACCEPTED_TOGETHER):
            arrived = [_event(ids[n % len(ids)]) for n in range(first, first + ACCEPTED_TOGETHER)]
            await inbox.accept(conn, arrived)


def _event(invoice_id: UUID) -> Arrived:
    return Arrived(uuid4(), invoice_id, 100, '{"type": "payment"}')


def _count(conn: psycopg.Connection[Any], status: str) -> int:
    row = conn.execute("SELECT count(*) FROM core.payment_event WHERE status = %s", [status]).fetchone()
    return row[0] if row else 0


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not done within {PATIENCE_S:.0f} s")
        time.sleep(0.1)


async def _calm(url: str) -> float:
    """Median seconds from the commit of an event to its being applied, one at a time."""
    ids = [uuid4() for _ in range(CALM_EVENTS + 20)]
    waits: list[float] = []
    with queue_figures._worker(url):  # noqa: SLF001
        async with await AsyncConnection.connect(url, autocommit=True) as conn:
            await conn.execute(_INVOICES, [ids])
            for id_ in ids:
                event = _event(id_)
                await inbox.accept(conn, [event])
                begun_at = time.perf_counter()
                while not await _is_applied(conn, event.event_id):  # noqa: ASYNC110 — another process ends it
                    await asyncio.sleep(0.0005)
                waits.append(time.perf_counter() - begun_at)
                await asyncio.sleep(0.01)
    return statistics.median(waits[20:])


async def _is_applied(conn: AsyncConnection[Any], event_id: UUID) -> bool:
    found = await conn.execute("SELECT status FROM core.payment_event WHERE event_id = %s", [event_id])
    return await found.fetchone() == ("applied",)


# -- sent out ---------------------------------------------------------------------------------


class _Receiver(asyncio.Protocol):
    """Answers each request in ten milliseconds, or never; notes when it came."""

    def __init__(self, came: list[float], *, is_dead: bool) -> None:
        self._came, self._is_dead, self._received = came, is_dead, b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x[:15] == b"content-length:"), 0)
        if end and len(body) >= length:
            self._received = b""
            self._came.append(time.perf_counter())
            if not self._is_dead:
                asyncio.get_running_loop().call_later(ANSWER_S, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@asynccontextmanager
async def _receiving(*, is_dead: bool) -> AsyncIterator[tuple[str, list[float]]]:
    came: list[float] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Receiver(came, is_dead=is_dead), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", came
    finally:
        server.close()


async def _outgoing(url: str) -> Rounds:
    os.environ["WEBHOOK_ALLOW_PRIVATE"] = "true"
    bare: list[float] = []
    alone: list[float] = []
    beside: list[float] = []
    async with (
        _receiving(is_dead=False) as (alive, came),
        _receiving(is_dead=True) as (dead, _),
        await AsyncConnection.connect(url, autocommit=True) as conn,
    ):
        await webhooks.create(conn, CreateSubscription(url=alive, types=["bench.*"]))
        with await asyncio.to_thread(_entered, url) as leave:
            await _sent(conn, came)  # warms the worker's connections up
            for _ in range(OUTGOING_ROUNDS):
                bare.append(await _bare(alive, came))
                alone.append(await _sent(conn, came))
                lost = await webhooks.create(conn, CreateSubscription(url=dead, types=["bench.*"]))
                beside.append(await _sent(conn, came))
                await webhooks.delete(conn, lost.id)
            await asyncio.to_thread(leave)
    return {"bare_httpx_per_s": bare, "outgoing_per_s": alone, "outgoing_beside_dead_per_s": beside}


@contextmanager
def _leaving(leave: Callable[[], None]) -> Iterator[Callable[[], None]]:
    try:
        yield leave
    finally:
        leave()


def _entered(url: str) -> Any:
    """A running worker whose end may be waited for without stopping the receivers' loop."""
    worker = queue_figures._worker(url)  # noqa: SLF001
    worker.__enter__()
    left: list[bool] = []

    def leave() -> None:
        if not left:
            left.append(True)
            worker.__exit__(None, None, None)

    return _leaving(leave)


async def _sent(conn: AsyncConnection[Any], came: list[float]) -> float:
    """Events a second that reach the receiver, each with a subject of its own."""

    async def happen() -> None:
        run = uuid4().hex
        told = [NewEvent("bench.done", f"{run} {n}", {"n": n, "note": "x" * 200}) for n in range(OUTGOING)]
        await events.record_all(conn, told)

    return await _rate_of(happen, came)


async def _rate_of(cause: Callable[[], Awaitable[object]], came: list[float]) -> float:
    came.clear()
    await cause()
    deadline = time.monotonic() + PATIENCE_S
    while len(came) < OUTGOING:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(came)} of {OUTGOING} events arrived")
        await asyncio.sleep(0.02)
    low, high = OUTGOING // 10, OUTGOING * 9 // 10
    return (high - low) / (came[high] - came[low])


async def _bare(url: str, came: list[float]) -> float:
    async def post() -> None:
        loop = [sys.executable, str(HERE / "events_figures.py"), url]
        process = await asyncio.create_subprocess_exec(*loop)
        if await process.wait():
            raise RuntimeError("the bare httpx loop failed")

    return await _rate_of(post, came)


async def _post_bare(url: str) -> None:
    """The child process: httpx and nothing else, as many requests at once as deliveries."""
    import httpx

    left = iter(range(OUTGOING))
    body = json.dumps({"type": "bench.done", "data": {"note": "x" * 200}})
    async with httpx.AsyncClient(trust_env=False) as client:

        async def post() -> None:
            for _ in left:
                (await client.post(url, content=body)).raise_for_status()

        await asyncio.gather(*(post() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(_post_bare(sys.argv[1]))
