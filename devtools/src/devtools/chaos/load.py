"""One careful client: asks again with its key until it is answered. Must not give up on an open request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

PATIENCE_S = 90.0
PAUSE_S = 0.05
ASK_AGAIN = frozenset({409, 429, 500, 502, 503, 504})
"""Here 409 may be a key in flight; 5xx and a broken connection leave the outcome unknown: ask again."""


@dataclass
class Counters:
    """What the clients saw: answers, and attempts that ended without one."""

    answered: int = 0
    unanswered: int = 0
    server_errors: int = 0


class Unanswered(Exception):
    """A request found no answer within the patience of its client."""


@dataclass
class Client:
    """Keyed requests over one connection pool."""

    http: httpx.AsyncClient
    counters: Counters

    async def post(
        self, path: str, key: str, body: Mapping[str, object] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """POST until there is an answer; returns its status and body. Raises Unanswered."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while loop.time() < deadline:
            try:
                answer = await self.http.post(path, json=dict(body or {}), headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                self.counters.unanswered += 1
            else:
                if not self._asks_again(answer):
                    self.counters.answered += 1
                    return answer.status_code, cast("dict[str, Any]", answer.json())
            await asyncio.sleep(PAUSE_S)
        raise Unanswered(f"POST {path} found no answer in {PATIENCE_S:.0f} s")

    def _asks_again(self, answer: httpx.Response) -> bool:
        if answer.status_code >= 500 and answer.status_code != 503:
            self.counters.server_errors += 1
        if answer.status_code == 409:
            return answer.json().get("code") == "idempotency_key_in_flight"
        return answer.status_code in ASK_AGAIN

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """GET until there is an answer. Raises Unanswered."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while loop.time() < deadline:
            try:
                answer = await self.http.get(path)
            except httpx.HTTPError:
                self.counters.unanswered += 1
            else:
                if answer.status_code not in ASK_AGAIN:
                    return answer.status_code, cast("dict[str, Any]", answer.json())
            await asyncio.sleep(PAUSE_S)
        raise Unanswered(f"GET {path} found no answer in {PATIENCE_S:.0f} s")
