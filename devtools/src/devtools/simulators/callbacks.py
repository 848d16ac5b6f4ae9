"""Delivers callbacks in each provider's shape, late or doubled as the knobs say.

Must not retry: a real provider's callback is a hint that may never come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx

from devtools.simulators import airteltigo, mtn, telecel
from devtools.simulators.books import Transfer
from devtools.simulators.world import World

IDLE_S = 2.0


def request_of(transfer: Transfer) -> tuple[bytes, dict[str, str]]:
    """The callback's body and headers in the provider's shape; only AirtelTigo's aggregator signs."""
    if transfer.provider == "mtn":
        body = json.dumps({**mtn.shown(transfer), "referenceId": transfer.reference}).encode()
        return body, {"content-type": "application/json"}
    if transfer.provider == "telecel":
        return json.dumps(telecel.shown(transfer)).encode(), {"content-type": "application/json"}
    body = json.dumps(airteltigo.shown(transfer)).encode()
    signed = f"{airteltigo.CLIENT}:{airteltigo.signature(body)}"
    return body, {"content-type": "application/json", "authorization": signed}


async def deliver_forever(world: World) -> None:
    """Settle and send what is due, until cancelled."""
    async with httpx.AsyncClient(timeout=5.0, limits=httpx.Limits(max_connections=32)) as client:
        sending: set[asyncio.Task[None]] = set()
        while True:
            world.catch_up()
            world.changed.clear()
            for delivery in world.take_deliveries():
                task = asyncio.create_task(_send(client, delivery.transfer))
                sending.add(task)
                task.add_done_callback(sending.discard)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(world.changed.wait(), _pause_s(world))


def _pause_s(world: World) -> float:
    times = [delivery.at for delivery in world.deliveries]
    if (due := world.books.next_due()) is not None:
        times.append(due)
    if not times or world.clock.manual is not None:
        return IDLE_S
    return min(max(min(times) - world.clock.now(), 0.005), IDLE_S)


async def _send(client: httpx.AsyncClient, transfer: Transfer) -> None:
    body, headers = request_of(transfer)
    with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
        await client.post(transfer.callback_url, content=body, headers=headers)
