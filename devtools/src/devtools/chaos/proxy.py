"""A TCP proxy on loopback that can be slow, deaf, or cut. Must not look into what it carries."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

HOST = "127.0.0.1"
CHUNK = 64 * 1024


@dataclass
class Toxic:
    """What is wrong with the wire now. delay_s: before each chunk; is_deaf: nothing passes."""

    delay_s: float = 0.0
    is_deaf: bool = False
    delayed: int = 0
    refused: int = 0
    cut: int = 0


@dataclass
class Proxy:
    """Carries connections to `target_port`, which may change while it runs."""

    target_port: int
    toxic: Toxic = field(default_factory=Toxic)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    _carriers: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _hearing: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Listen on a free port."""
        self._hearing.set()
        self._server = await asyncio.start_server(self._carry, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
            self.cut()
            self._hearing.set()
            await self._server.wait_closed()
            await asyncio.gather(*self._carriers, return_exceptions=True)

    def cut(self) -> int:
        """Reset every connection; returns how many there were."""
        cut = 0
        for writer in list(self._open):
            writer.transport.abort()
            cut += 1
        self.toxic.cut += cut
        return cut

    def deafen(self) -> None:
        """From now on nothing passes; connections stay open and hang."""
        self.toxic.is_deaf = True
        self._hearing.clear()

    def heal(self) -> None:
        """Carry normally again; what hung in deafness is cut, as after a real partition."""
        was_deaf = self.toxic.is_deaf
        self.toxic.delay_s, self.toxic.is_deaf = 0.0, False
        if was_deaf:
            self.cut()
        self._hearing.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrier = asyncio.current_task()
        assert carrier is not None
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carriers.discard)
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            await self._pass()
            far_reader, far = await asyncio.open_connection(HOST, self.target_port)
            self._open.add(far)
            await asyncio.gather(self._pump(reader, far), self._pump(far_reader, writer))
        except OSError:
            self.toxic.refused += 1
        finally:
            for end in (writer, far):
                if end is not None:
                    self._open.discard(end)
                    end.close()
                    with contextlib.suppress(OSError):
                        await end.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(CHUNK):
                await self._pass()
                if self.toxic.delay_s:
                    self.toxic.delayed += 1
                    await asyncio.sleep(self.toxic.delay_s)
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass  # one side is gone; the other learns it below
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _pass(self) -> None:
        if self.toxic.is_deaf:
            self.toxic.refused += 1
        await self._hearing.wait()
