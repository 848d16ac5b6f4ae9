"""Foreign hosts, uploads and figures stay outside; every answer carries the headers."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from payments_ui.middleware import ClosedDoors, HostGuard, SecurityHeaders
from payments_ui.settings import LOOPBACK_HOSTS


def _page(_request: object) -> PlainTextResponse:
    return PlainTextResponse("page")


@pytest.fixture
def app() -> Starlette:
    return Starlette(
        routes=[Route("/{path:path}", _page, methods=["GET", "PUT"])],
        middleware=[
            Middleware(SecurityHeaders, inline_script_hashes=("sha256-abc",)),
            Middleware(HostGuard, allowed_hosts=LOOPBACK_HOSTS),
            Middleware(ClosedDoors),
        ],
    )


Answer = TypeVar("Answer")


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run on a thread of its own: a browser of the same test run has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _get(app: Starlette, path: str = "/", host: str = "localhost:3000") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers={"Host": host})

    return run(ask())


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]:3000", "localhost."]
)
def test_our_own_names_get_in(app: Starlette, host: str) -> None:
    assert (_get(app, host=host)).text == "page"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil@localhost", "localhost:x", ""],
)
def test_foreign_names_do_not(app: Starlette, host: str) -> None:
    assert (_get(app, host=host)).status_code == 403


def test_a_foreign_websocket_is_closed_before_it_opens() -> None:
    sent: list[object] = []

    async def never(*_: object) -> None:
        raise AssertionError("the guard let it through")

    async def send(message: object) -> None:
        sent.append(message)

    guard = HostGuard(never, LOOPBACK_HOSTS)
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"host", b"evil.example")]}
    run(guard(scope, never, send))
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "foreign Host"}]


@pytest.mark.parametrize("path", ["/_stcore/upload_file/a/b", "/_stcore/metrics", "/_stcore/agent"])
def test_unused_doors_are_closed(app: Starlette, path: str) -> None:
    assert (_get(app, path)).status_code == 404


def test_refusals_carry_the_headers_too(app: Starlette) -> None:
    for answer in (_get(app), _get(app, host="evil.example")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "'sha256-abc'" in answer.headers["Content-Security-Policy"]
