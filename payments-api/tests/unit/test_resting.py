"""The server ends when it is told, without looking for it, and dates its answers."""

from __future__ import annotations

import asyncio
import signal

import pytest
import uvicorn

from payments_api.http import resting
from payments_api.http.resting import RestingServer


async def test_it_is_told_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "DATE_S", 3600.0)
    server = RestingServer(uvicorn.Config("none:app", log_config=None))
    running = asyncio.create_task(server.main_loop())
    async with asyncio.timeout(60):
        while not server.server_state.default_headers:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
        assert server.server_state.default_headers[0][0] == b"date"
        server.handle_exit(signal.SIGTERM, None)
        await running


async def test_told_before_it_runs_it_does_not_begin() -> None:
    server = RestingServer(uvicorn.Config("none:app", log_config=None))
    server.handle_exit(signal.SIGTERM, None)
    async with asyncio.timeout(60):
        await server.main_loop()
