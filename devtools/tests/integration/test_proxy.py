"""The fault lab's proxy: real sockets, slowed, deafened and cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devtools.chaos.proxy import HOST, Proxy


@asynccontextmanager
async def echo_behind_a_proxy() -> AsyncIterator[Proxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, HOST, 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()
        await server.wait_closed()


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> bytes:
    writer.write(line)
    return await asyncio.wait_for(reader.readline(), 60)


def test_it_carries_delays_and_counts() -> None:
    async def play() -> None:
        async with echo_behind_a_proxy() as proxy:
            reader, writer = await asyncio.open_connection(HOST, proxy.port)
            assert await said(reader, writer, b"hello\n") == b"hello\n"
            proxy.toxic.delay_s = 0.05
            began = asyncio.get_running_loop().time()
            assert await said(reader, writer, b"slow\n") == b"slow\n"
            assert asyncio.get_running_loop().time() - began >= 0.1  # there and back
            assert proxy.toxic.delayed == 2
            writer.close()

    asyncio.run(play())


def test_a_cut_resets_what_is_open_and_the_next_connection_works() -> None:
    async def play() -> None:
        async with echo_behind_a_proxy() as proxy:
            reader, writer = await asyncio.open_connection(HOST, proxy.port)
            assert await said(reader, writer, b"one\n") == b"one\n"
            assert proxy.cut() == 2  # both sides
            with pytest.raises(ConnectionError):
                if await said(reader, writer, b"two\n") == b"":
                    raise ConnectionResetError
            writer.close()
            reader, writer = await asyncio.open_connection(HOST, proxy.port)
            assert await said(reader, writer, b"three\n") == b"three\n"
            writer.close()

    asyncio.run(play())


def test_deafness_hangs_and_healing_cuts_what_hung() -> None:
    async def play() -> None:
        async with echo_behind_a_proxy() as proxy:
            reader, writer = await asyncio.open_connection(HOST, proxy.port)
            assert await said(reader, writer, b"one\n") == b"one\n"
            proxy.deafen()
            writer.write(b"lost\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readline(), 0.2)
            assert proxy.toxic.refused >= 1
            proxy.heal()
            with pytest.raises(ConnectionError):
                if await asyncio.wait_for(reader.read(), 60) in (b"", b"lost\n"):
                    raise ConnectionResetError
            writer.close()

    asyncio.run(play())
