"""One trace goes with a payment to its provider, and no telephone number goes into a log."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from devtools.simulators.server import create_app
from payments_schema.wallets import books, store
from structlog.testing import capture_logs
from wallets.world import LOST, SUCCESS, Wallets

from recon_worker.wallets.assembly import make_providers

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Listening(httpx.AsyncBaseTransport):
    """Notes the trace of every request, then lets it through to the simulator."""

    def __init__(self, wallets: Wallets) -> None:
        self._inner = httpx.ASGITransport(create_app(wallets.world))
        self.heard: list[tuple[str, str | None]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.heard.append((request.url.path, request.headers.get("traceparent")))
        return await self._inner.handle_async_request(request)


@pytest.mark.parametrize("provider", ["mtn", "telecel", "airteltigo"])
async def test_the_provider_is_told_the_trace(wallets: Wallets, provider: str) -> None:
    line = Listening(wallets)
    wallets.providers = make_providers(wallets.settings, wallets.breakers.__getitem__, line)
    id = await wallets.initiate(provider=provider)
    locked = await store.lock(wallets.conn, [id])
    await wallets.conn.execute(
        "UPDATE core.wallet_payment SET traceparent = %s WHERE id = %s", [TRACE, locked[id].id]
    )
    await wallets.conn.commit()
    await wallets.run(3)
    assert (await wallets.get(id)).status == "CONFIRMED"
    assert TRACE in [trace for _, trace in line.heard]
    booked = await books.of_payment(wallets.conn, id)
    assert (booked.trace_id, len(booked.transactions)) == (TRACE.split("-")[1], 2)


async def test_logs_hold_no_telephone_number(wallets: Wallets, caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as told:
        for phone in (SUCCESS, LOST):
            await wallets.initiate(phone)
        await wallets.run(5)
    said = caplog.text + repr(told)
    for phone in (SUCCESS, LOST):
        assert phone[1:] not in said
