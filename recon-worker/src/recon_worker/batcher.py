"""Coalesces what concurrently running actors ask for into one run at a time.

Nothing waits when alone: the first item starts at once, and those that come while it runs share the next run.
Must not know what the items are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True)
class _Request(Generic[Item]):
    items: deque[Item]
    failures: dict[Item, Exception]
    done: asyncio.Future[None]


class Batcher(Generic[Item]):
    """One run at a time, of at most `limit` items; items of one request may spread over several runs.

    run: does the work of distinct items; returns the failures, and raises where all failed alike.
    """

    def __init__(
        self, run: Callable[[Sequence[Item]], Awaitable[Mapping[Item, Exception]]], limit: int
    ) -> None:
        if limit < 1:
            raise ValueError("limit must be at least 1")
        self._run = run
        self._limit = limit
        self._waiting: deque[_Request[Item]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def submit(self, items: Sequence[Item]) -> Mapping[Item, Exception]:
        """Have the items done; returns the failures among them.

        Being cancelled here does not cancel the run, which others share.
        """
        if not items:
            return {}
        request = _Request(deque(dict.fromkeys(items)), {}, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._runner is None:
            self._runner = asyncio.create_task(self._work())
        await request.done
        return request.failures

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._run_once(self._take())
        finally:
            self._runner = None

    def _take(self) -> list[tuple[_Request[Item], list[Item]]]:
        # Fair by turns: a request of thousands must not make the small ones behind it wait for all of it.
        batch: list[tuple[_Request[Item], list[Item]]] = []
        room = self._limit
        share = max(1, self._limit // len(self._waiting))
        while self._waiting and room:
            later: deque[_Request[Item]] = deque()
            while self._waiting and room:
                request = self._waiting.popleft()
                took = [request.items.popleft() for _ in range(min(share, room, len(request.items)))]
                room -= len(took)
                batch.append((request, took))
                if request.items:
                    later.append(request)
            self._waiting.extend(later)
        return batch

    async def _run_once(self, batch: list[tuple[_Request[Item], list[Item]]]) -> None:
        items = list(dict.fromkeys(item for _, took in batch for item in took))
        try:
            failures = await self._run(items)
        except asyncio.CancelledError:
            for request, _ in batch:
                request.done.cancel()
            raise
        # An edge: whatever it was, each waiting actor must hear of it, or would wait for ever.
        except Exception as error:  # not swallowed: each waiting actor is given it and raises it to Dramatiq
            failures = dict.fromkeys(items, error)
        for request, took in batch:
            request.failures.update((item, failures[item]) for item in took if item in failures)
            if not request.items and not request.done.done():
                request.done.set_result(None)
