"""Names that mean another machine at the second look: what was checked is what is connected to."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.testing import settled
from payments_schema.webhooks import store
from payments_schema.wire.webhooks import CreateSubscription
from psycopg import AsyncConnection

from recon_worker.database import Line
from recon_worker.settings import WebhookSettings
from recon_worker.webhooks import guard
from recon_worker.webhooks.delivery import Deliverer

NAME = "rebinding.example.org"


class Names:
    """A name server that says something else each time it is asked for NAME."""

    def __init__(self, answers: list[list[str]]) -> None:
        self.asked = 0
        self._others = asyncio.get_running_loop().getaddrinfo
        self._answers = answers

    async def getaddrinfo(self, host: str, port: int, **rest: Any) -> list[Any]:
        if host != NAME:
            return await self._others(host, port, **rest)
        found = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


async def deliver(
    conn: AsyncConnection[Any],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    names: Names,
    **allowed: Any,
) -> tuple[str, list[str]]:
    """One event to a receiver on loopback by its name; returns what became of it, and who called."""
    called: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        called.append(next(line for line in head.split("\r\n") if line.lower().startswith("host:")))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = await store.create(conn, CreateSubscription(url=f"http://{NAME}:{port}/hook"))
    await events.record(conn, NewEvent("test.done", "a", {}))
    await conn.commit()
    await settled(conn)
    wanted = WebhookSettings(webhook_timeout_s=30, **allowed)
    deliverer = Deliverer(Line(database_url, name="test"), wanted, retries_s=())
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)
    async with server:
        await deliverer.pull()
        await deliverer.settled()
        await deliverer.close()
    monkeypatch.undo()
    [delivery] = (await store.list_deliveries(conn, made.id, limit=5, before=None, status=None)).data
    return delivery.attempts[0].error or delivery.status.value, called


@pytest.mark.parametrize("answers", [[["127.0.0.1"]], [["8.8.8.8", "127.0.0.1"]], [["10.0.0.1"]]])
async def test_a_name_that_leads_inside_is_refused(
    conn: AsyncConnection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]
) -> None:
    became, called = await deliver(conn, database_url, monkeypatch, Names(answers))
    assert became.startswith("AddressRefused")
    assert called == []


async def test_a_name_is_looked_up_once_for_the_check_and_the_connection(
    conn: AsyncConnection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: had the connection asked again, it would have gone where nobody looked."""
    names = Names([["127.0.0.1"], ["192.0.2.1"]])
    became, called = await deliver(
        conn, database_url, monkeypatch, names, webhook_allow_networks=("127.0.0.0/8",)
    )
    assert (became, names.asked) == ("delivered", 1)
    assert called == [next(one for one in called if NAME in one)]


async def test_only_the_networks_that_are_allowed() -> None:
    allowed = WebhookSettings(webhook_allow_networks="127.0.0.0/8, ::1/128").webhook_allow_networks  # type: ignore[arg-type]
    await guard.pin("http://127.0.0.1/", allow_private=False, allowed=allowed)
    await guard.pin("http://[::1]/", allow_private=False, allowed=allowed)
    for inside in ("10.0.0.1", "169.254.169.254", "192.168.0.1"):
        with pytest.raises(guard.AddressRefused):
            await guard.pin(f"http://{inside}/", allow_private=False, allowed=allowed)
