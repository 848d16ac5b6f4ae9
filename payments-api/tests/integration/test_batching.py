"""The micro-batcher on a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
from payments_schema.database.pool import open_pool
from payments_schema.errors import Overloaded

from payments_api.batching import LANE_OPENS_AT, Connection, MicroBatcher


class Recorder:
    """A flush that keeps the sizes of its batches; items that are negative spoil theirs."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, conn: Connection, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.begun.set()
        await self.gate.wait()
        cursor = await conn.execute("SELECT 100 / (i + 1) FROM unnest(%s::int[]) AS i", [list(items)])
        return [row[0] for row in await cursor.fetchall()]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Any]:
    async with open_pool(database_url, min_size=1, max_size=2, name="lanes") as opened:
        yield opened


def batcher(pool: Any, flush: Any, **settings: Any) -> MicroBatcher[int, int]:
    chosen: dict[str, Any] = {"most_items": 50, "lanes": 1, "backlog": 100, "timeout_s": 2.0} | settings
    return MicroBatcher(pool, flush, same=lambda item: item > 1000, key=lambda item: item, **chosen)


async def test_alone_an_item_goes_at_once(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush)
    assert await batches.submit(1) == 50
    assert await batches.submit(4) == 20
    assert flush.batches == [[1], [4]]
    await batches.close()


async def test_what_comes_in_meanwhile_goes_together_in_order(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush, most_items=10)
    flush.gate.clear()
    first = asyncio.create_task(batches.submit(1))
    await flush.begun.wait()
    rest = [asyncio.create_task(batches.submit(n)) for n in range(25)]
    await asyncio.sleep(0)
    flush.gate.set()
    await asyncio.gather(first, *rest)
    assert flush.batches == [[1], list(range(10)), list(range(10, 20)), list(range(20, 25))]
    await batches.close()


async def test_a_second_lane_opens_for_a_good_batch_only(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush, lanes=2)
    flush.gate.clear()
    callers = [asyncio.create_task(batches.submit(1))]
    await flush.begun.wait()
    callers += [asyncio.create_task(batches.submit(n)) for n in range(LANE_OPENS_AT - 1)]
    await asyncio.sleep(0)
    assert len(batches._running) == 1
    callers.append(asyncio.create_task(batches.submit(99)))
    await asyncio.sleep(0)
    assert len(batches._running) == 2
    flush.gate.set()
    await asyncio.gather(*callers)
    assert sorted(map(len, flush.batches)) == [1, LANE_OPENS_AT]
    await batches.close()


async def test_items_of_different_kinds_do_not_share_a_batch(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush)
    await asyncio.gather(*(batches.submit(n) for n in (1, 2, 2000, 3)))
    assert flush.batches == [[1, 2], [2000], [3]]
    await batches.close()


async def test_a_failing_item_fails_alone(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush)
    good, bad, also_good = await asyncio.gather(
        *(batches.submit(n) for n in (1, -1, 3)), return_exceptions=True
    )
    assert (good, also_good) == (50, 25)
    assert isinstance(bad, psycopg.errors.DivisionByZero)
    assert await batches.submit(1) == 50
    await batches.close()


async def test_a_caller_that_goes_away_harms_nobody(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush)
    flush.gate.clear()
    callers = [asyncio.create_task(batches.submit(n)) for n in range(3)]
    await flush.begun.wait()
    waiting = [asyncio.create_task(batches.submit(n)) for n in (7, 9)]
    await asyncio.sleep(0)
    callers[1].cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    flush.gate.set()
    assert await callers[0] == 100
    assert await callers[2] == 33
    assert await waiting[1] == 10
    assert flush.batches == [[0, 1, 2], [9]]
    await batches.close()


async def test_beyond_the_backlog_nobody_waits(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush, backlog=3)
    flush.gate.clear()
    first = asyncio.create_task(batches.submit(0))
    await flush.begun.wait()
    taken = [asyncio.create_task(batches.submit(n)) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await batches.submit(4)
    flush.gate.set()
    await asyncio.gather(first, *taken)
    await batches.close()


async def test_closing_finishes_what_was_taken_and_takes_no_more(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush)
    taken = [asyncio.create_task(batches.submit(n)) for n in range(3)]
    await asyncio.sleep(0)
    await batches.close()
    assert await asyncio.gather(*taken) == [100, 50, 33]
    with pytest.raises(Overloaded):
        await batches.submit(1)


async def test_a_database_that_does_not_answer_is_given_up_in_time(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush, timeout_s=0.2)
    flush.gate.clear()
    started = asyncio.get_running_loop().time()
    outcomes = await asyncio.gather(*(batches.submit(n) for n in range(60)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Overloaded}
    assert asyncio.get_running_loop().time() - started < 20
    flush.gate.set()
    assert await batches.submit(1) == 50
    await batches.close()


async def test_a_lost_connection_is_replaced_without_anybody_noticing(pool: Any, server_url: str) -> None:
    flush = Recorder()
    batches = batcher(pool, flush)
    await batches.submit(1)
    (conn,) = batches._kept
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 60000)", [conn.info.backend_pid])
    assert await batches.submit(1) == 50
    await batches.close()


async def test_work_that_starts_as_a_lane_ends_is_not_forgotten(pool: Any) -> None:
    flush = Recorder()
    batches = batcher(pool, flush)

    async def caller() -> None:
        for n in range(60):
            await batches.submit(n)

    async with asyncio.timeout(120):
        await asyncio.gather(*(caller() for _ in range(8)))
    await batches.close()
