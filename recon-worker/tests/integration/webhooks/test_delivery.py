"""Events reach their subscribers signed, in order for each subject, and nobody waits for a dead receiver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.testing import settled
from payments_schema.webhooks import signing, store
from payments_schema.wire.webhooks import CreateSubscription
from psycopg import AsyncConnection

from recon_worker.database import Line
from recon_worker.settings import WebhookSettings
from recon_worker.webhooks import guard
from recon_worker.webhooks.delivery import Deliverer


class Receiver:
    """Answers every request with the bytes it is given to answer with; None hangs, empty closes early."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answer: bytes | None = (
            b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        self._open: list[asyncio.StreamWriter] = []

    def hang_up(self) -> None:
        """Close what hangs, without an answer."""
        for writer in self._open:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head)}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        if self.answer is None:
            self._open.append(writer)
            await reader.read()
        else:
            writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    async with server:
        yield receiver, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


@asynccontextmanager
async def delivering(database_url: str, **settings: Any) -> AsyncIterator[Deliverer]:
    made = Deliverer(
        Line(database_url, name="test"),
        WebhookSettings(**({"webhook_allow_private": True, "webhook_timeout_s": 30} | settings)),
        retries_s=(0, 0),
    )
    yield made
    await made.close()


async def happen(conn: AsyncConnection[Any], *subjects: str) -> None:
    for number, subject in enumerate(subjects):
        await events.record(conn, NewEvent("test.done", subject, {"n": number}))
    await conn.commit()
    await settled(conn)


async def drained(deliverer: Deliverer) -> None:
    for _ in range(6):
        await deliverer.pull()
        await deliverer.settled()


async def test_events_arrive_signed_and_in_order(conn: AsyncConnection[Any], database_url: str) -> None:
    async with receiving() as (receiver, url), delivering(database_url) as deliverer:
        made = await store.create(conn, CreateSubscription(url=url, types=["test.*"]))
        await happen(conn, "a", "b", "a", "a", "b")
        await drained(deliverer)
        assert made.secret is not None
        for headers, body in receiver.got:
            signing.verify([signing.key_of(made.secret)], headers, body)
        assert len(receiver.got) == 5
        of_a = [body.decode() for _, body in receiver.got if b'"subject": "a"' in body]
        assert [f'"n": {n}' in body for n, body in zip((0, 2, 3), of_a, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_bad_receivers_are_tried_again_then_given_up(
    conn: AsyncConnection[Any], database_url: str, answer: bytes | None
) -> None:
    patience_s = 0.3 if answer is None else 30
    async with (
        receiving() as (receiver, url),
        delivering(database_url, webhook_timeout_s=patience_s) as deliverer,
    ):
        receiver.answer = answer
        made = await store.create(conn, CreateSubscription(url=url))
        await happen(conn, "a")
        await drained(deliverer)
        [delivery] = (await store.list_deliveries(conn, made.id, limit=5, before=None, status=None)).data
        assert (delivery.status, len(delivery.attempts)) == ("failed", 3)
        assert all(attempt.error for attempt in delivery.attempts)


async def test_a_dead_receiver_delays_nobody_and_is_disabled(
    conn: AsyncConnection[Any], database_url: str
) -> None:
    async with (
        receiving() as (dead, dead_url),
        receiving() as (alive, url),
        delivering(database_url, webhook_disable_after_s=0.0001, webhook_timeout_s=5) as deliverer,
    ):
        dead.answer = None
        lost = await store.create(conn, CreateSubscription(url=dead_url))
        await store.create(conn, CreateSubscription(url=url))
        await happen(conn, *(f"s{n}" for n in range(30)))
        begun = asyncio.get_running_loop().time()
        await deliverer.pull()
        while len(alive.got) < 30 and asyncio.get_running_loop().time() < begun + 60:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert len(alive.got) >= 30
        await drained(deliverer)
        assert (await store.get(conn, lost.id)).status == "disabled"


async def test_a_subscription_deleted_under_way_harms_no_other(
    conn: AsyncConnection[Any], database_url: str
) -> None:
    async with (
        receiving() as (slow, slow_url),
        receiving() as (_, url),
        delivering(database_url) as deliverer,
    ):
        slow.answer = None
        lost = await store.create(conn, CreateSubscription(url=slow_url))
        kept = await store.create(conn, CreateSubscription(url=url))
        await happen(conn, "a")
        await deliverer.pull()
        async with asyncio.timeout(60):
            while not slow.got:  # noqa: ASYNC110 (the receiver's own list)
                await asyncio.sleep(0.01)
        await store.delete(conn, lost.id)
        await conn.commit()
        slow.hang_up()
        await deliverer.settled()
        await happen(conn, "b")
        await drained(deliverer)
        page = await store.list_deliveries(conn, kept.id, limit=5, before=None, status="delivered")
        assert [one.subject for one in page.data] == ["b", "a"]


async def test_addresses_inside_are_refused() -> None:
    for inside in (
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0.0.0.0",
    ):
        with pytest.raises(guard.AddressRefused):
            await guard.pin(f"http://{inside}/", allow_private=False)
    assert guard.is_public("8.8.8.8")
    assert not guard.is_public("64:ff9b::a00:1")
