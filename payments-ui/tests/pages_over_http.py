"""Asks an ASGI application of the pages without a socket. It must not follow redirects."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
from starlette.types import ASGIApp


def get(
    app: ASGIApp, path: str = "/", *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Return the answer. Asked on a thread of its own: a browser of the same test run has a loop here."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=dict(headers or {}))

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, ask()).result()
