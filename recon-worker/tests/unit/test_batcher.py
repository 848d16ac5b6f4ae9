"""The batcher: alone at once, together in one run, fair, and each hears of its own failures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_worker.batcher import Batcher


class Runs:
    """Records runs; each lasts until it is let go."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.seen: list[list[int]] = []
        self.gate = asyncio.Semaphore(0)
        self.is_open = is_open
        self.bad: set[int] = set()
        self.error: Exception | None = None

    async def __call__(self, items: Sequence[int]) -> Mapping[int, Exception]:
        self.seen.append(list(items))
        if not self.is_open:
            await self.gate.acquire()
        if self.error is not None:
            raise self.error
        return {item: ValueError(str(item)) for item in items if item in self.bad}


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_alone_starts_at_once() -> None:
    runs = Runs(is_open=True)
    assert await Batcher(runs, 10).submit([1, 2]) == {}
    assert runs.seen == [[1, 2]]


async def test_what_comes_during_a_run_shares_the_next() -> None:
    runs = Runs()
    batcher = Batcher(runs, 10)
    tasks = [asyncio.create_task(batcher.submit([n])) for n in range(5)]
    await settle()
    runs.gate.release()
    await settle()
    assert runs.seen == [[0, 1, 2, 3, 4]] or runs.seen == [[0], [1, 2, 3, 4]]
    runs.gate.release()
    assert await asyncio.gather(*tasks) == [{}] * 5


async def test_equal_items_of_different_requests_run_once() -> None:
    runs = Runs()
    batcher = Batcher(runs, 10)
    first = asyncio.create_task(batcher.submit([9]))
    await settle()
    others = [asyncio.create_task(batcher.submit([1, 2, 1])) for _ in range(3)]
    await settle()
    runs.bad = {1}
    runs.is_open = True
    runs.gate.release()
    assert await first == {}
    assert [list(failures) for failures in await asyncio.gather(*others)] == [[1]] * 3
    assert runs.seen == [[9], [1, 2]]


async def test_a_long_request_does_not_hold_up_a_short_one() -> None:
    runs = Runs()
    batcher = Batcher(runs, 10)
    first = asyncio.create_task(batcher.submit([0]))
    await settle()
    long = asyncio.create_task(batcher.submit(list(range(1, 101))))
    short = asyncio.create_task(batcher.submit([1000]))
    await settle()
    runs.gate.release()
    runs.gate.release()
    assert await short == {}
    assert not long.done()
    assert runs.seen[1] == [1, 2, 3, 4, 5, 1000, 6, 7, 8, 9]
    runs.is_open = True
    runs.gate.release()
    assert await first == {}
    assert await long == {}
    assert max(map(len, runs.seen)) == 10


async def test_a_run_that_raises_fails_all_its_items_and_nothing_else() -> None:
    runs = Runs(is_open=True)
    batcher = Batcher(runs, 10)
    runs.error = RuntimeError("gone")
    assert await batcher.submit([1, 2]) == {1: runs.error, 2: runs.error}
    runs.error = None
    assert await batcher.submit([1, 2]) == {}


async def test_a_cancelled_request_does_not_cancel_the_run_of_others() -> None:
    runs = Runs()
    batcher = Batcher(runs, 10)
    first = asyncio.create_task(batcher.submit([0]))
    await settle()
    impatient = asyncio.create_task(batcher.submit([1]))
    patient = asyncio.create_task(batcher.submit([2]))
    await settle()
    impatient.cancel()
    await settle()
    runs.is_open = True
    runs.gate.release()
    assert await patient == {}
    assert await first == {}
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_nothing_is_nothing() -> None:
    runs = Runs()
    assert await Batcher(runs, 1).submit([]) == {}
    assert runs.seen == []
    with pytest.raises(ValueError, match="at least 1"):
        Batcher(runs, 0)


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=12),
    st.integers(1, 9),
    st.sets(st.integers(0, 30)),
)
def test_every_request_hears_exactly_its_own_failures(
    requests: list[list[int]], limit: int, bad: set[int]
) -> None:
    async def scenario() -> None:
        runs = Runs(is_open=True)
        runs.bad = bad
        batcher = Batcher(runs, limit)
        answers = await asyncio.gather(*(batcher.submit(items) for items in requests))
        for items, failures in zip(requests, answers, strict=True):
            assert set(failures) == set(items) & bad
        assert all(len(items) <= limit and len(set(items)) == len(items) for items in runs.seen)

    asyncio.run(scenario())
