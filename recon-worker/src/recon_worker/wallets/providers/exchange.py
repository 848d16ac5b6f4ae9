"""One HTTP exchange with a provider: bounded in time and size, and sorted by what can have happened.

Must not know any provider's shape, and must not retry: that is decided by what is known afterwards.
"""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import httpx
from payments_schema.errors import PaymentsError
from payments_schema.money import Money, parse_major
from payments_schema.phones import mask_text

from recon_worker.wallets.providers.breaker import Breaker
from recon_worker.wallets.providers.protocol import NotSent, Observation, Order, Succeeded, Unknown

LARGEST_REPLY = 256 * 1024
LONGEST_RAW = 2000
CONNECTIONS_PER_POOL = 16
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to wait for a free connection, and for each read."""

    connect_s: float = 3.0
    pool_s: float = 10.0
    read_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. body: the JSON object, empty where it was none."""

    status: int
    body: Mapping[str, Any]
    text: str

    @property
    def raw(self) -> str:
        """What an operator may see: cut, and with telephone numbers masked."""
        return mask_text(self.text[:LONGEST_RAW].replace("\0", "�"))


@functools.cache
def _certificates() -> ssl.SSLContext:
    # Reading the system's certificates costs 30 ms, and there are many small pools.
    return ssl.create_default_context()


class Exchange:
    """Requests of one provider: its pool of connections, its timeouts, its breaker.

    Connections are spread over several small pools, since one pool's bookkeeping grows with its size.
    """

    def __init__(
        self,
        base_url: str,
        breaker: Breaker,
        *,
        timeouts: Timeouts | None = None,
        connections: int = 1024,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        wait = timeouts or Timeouts()
        self.breaker = breaker
        pools = max(1, connections // CONNECTIONS_PER_POOL)
        limits = httpx.Limits(
            max_connections=max(1, connections // pools),
            max_keepalive_connections=CONNECTIONS_PER_POOL,
            keepalive_expiry=60,
        )
        timeout = httpx.Timeout(wait.read_s, connect=wait.connect_s, pool=wait.pool_s)
        self._clients = [
            httpx.AsyncClient(
                base_url=base_url,
                limits=limits,
                timeout=timeout,
                transport=transport,
                trust_env=False,
                verify=_certificates(),
            )
            for _ in range(pools)
        ]
        self._busy = [0] * pools

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply | NotSent | Unknown:
        """Make one request; the breaker hears how it went."""
        if not self.breaker.admits():
            return NotSent("circuit_open")
        pool = self._least_busy()
        self._busy[pool] += 1
        try:
            reply = await self._send(self._clients[pool], method, path, headers, content)
        except httpx.PoolTimeout as error:
            return NotSent(_name(error))  # our own crowd, no fault of the provider's
        except NEVER_LEFT as error:
            self.breaker.note(ok=False)
            return NotSent(_name(error))
        except httpx.HTTPError as error:
            self.breaker.note(ok=False)
            return Unknown(_name(error))
        finally:
            self._busy[pool] -= 1
        self.breaker.note(ok=isinstance(reply, Reply) and reply.status < 500)
        return reply

    def _least_busy(self) -> int:
        # The first pool with a line to spare, so that few payments keep few connections warm.
        return min(range(len(self._busy)), key=lambda pool: self._busy[pool] // CONNECTIONS_PER_POOL)

    async def _send(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        content: bytes | None,
    ) -> Reply | Unknown:
        request = client.build_request(method, path, headers=headers, content=content)
        response = await client.send(request, stream=True)
        try:
            pieces = bytearray()
            async for piece in response.aiter_bytes():
                pieces += piece
                if len(pieces) > LARGEST_REPLY:
                    return Unknown("reply_too_large", pieces[:200].decode("utf-8", "replace"))
        finally:
            await response.aclose()
        text = pieces.decode("utf-8", "replace")
        return Reply(response.status_code, _object(text), text)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def _name(error: Exception) -> str:
    # httpx's texts may hold addresses and bytes: the class says enough.
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(error).__name__).lstrip("_")


def _object(text: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def confirmed(order: Order, amount: object, currency: object, success: Succeeded) -> Observation:
    """A success, if it is one of the amount that was asked for; else nothing that may be believed."""
    if not isinstance(currency, str) or currency != order.amount.currency:
        return Unknown("currency_differs", success.raw)
    if money_of(amount, currency) != order.amount:
        return Unknown("amount_differs", success.raw)
    return success


def money_of(amount: object, currency: str) -> Money | None:
    """A provider's decimal string as money; None where it is not one."""
    if not isinstance(amount, str | int):
        return None
    try:
        return parse_major(amount, currency)
    except PaymentsError:
        return None


def moment_of(seconds: object) -> datetime:
    """A provider's epoch seconds as a moment. Raises ValueError."""
    if not isinstance(seconds, str | int | Decimal):
        raise ValueError("not a moment")
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))
    except (InvalidOperation, OverflowError):
        raise ValueError("not a moment") from None
