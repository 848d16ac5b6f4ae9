"""Keeps connections to receivers open, one set for each name and address that was checked.

Must not resolve a name, follow a redirect, use a proxy, or read a body without an end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from recon_worker.webhooks.guard import Pinned

MOST_RECEIVERS = 256
MOST_READ_BYTES = 65_536


@dataclass(slots=True)
class _Kept:
    client: httpx.AsyncClient
    busy: int = 0


class Connections:
    """A client for each (scheme, name, address): a connection of one name is never used for another."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        # Read once: a context of its own for each receiver held up all deliveries while it was read.
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._kept: OrderedDict[tuple[str, str, str], _Kept] = OrderedDict()

    async def post(self, target: Pinned, body: str, headers: Mapping[str, str]) -> int:
        """Send and return the status. Raises httpx.HTTPError."""
        kept = self._of(target)
        kept.busy += 1
        try:
            request = kept.client.build_request(
                "POST",
                target.url,
                content=body,
                headers=dict(headers) | {"host": target.host, "content-type": "application/json"},
                extensions={"sni_hostname": target.name},
            )
            response = await kept.client.send(request, stream=True)
            try:
                await _read_a_little(response)
            finally:
                await response.aclose()
            return response.status_code
        finally:
            kept.busy -= 1
            await self._forget_oldest()

    async def close(self) -> None:
        """Close them all."""
        kept = list(self._kept.values())
        self._kept.clear()
        for one in kept:
            await one.client.aclose()

    def _of(self, target: Pinned) -> _Kept:
        key = (target.url.scheme, target.host, target.url.host)
        found = self._kept.get(key)
        if found is None:
            # Redirects lead where nobody looked, and a proxy of the environment would resolve again.
            client = httpx.AsyncClient(
                verify=self._tls, follow_redirects=False, trust_env=False, timeout=self._timeout_s
            )
            found = self._kept[key] = _Kept(client)
        self._kept.move_to_end(key)
        return found

    async def _forget_oldest(self) -> None:
        for key in list(self._kept):
            if len(self._kept) <= MOST_RECEIVERS:
                return
            if not self._kept[key].busy:
                await self._kept.pop(key).client.aclose()


async def _read_a_little(response: httpx.Response) -> None:
    """Only the status counts; a body that ends soon is read, so that its connection can be kept."""
    seen = 0
    async for chunk in response.aiter_raw():
        seen += len(chunk)
        if seen > MOST_READ_BYTES:
            return
