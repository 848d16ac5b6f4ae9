"""One hot account: what batching wins on it, and two hundred writers at once while others post elsewhere.

Must not judge; `ledger` does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import psycopg
from ledger_load import postings
from payments_schema.ids import uuid7
from payments_schema.ledger import store
from payments_schema.ledger.movements import direct_payment
from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, customer
from payments_schema.money import Money
from psycopg import AsyncConnection

WRITERS = 200


async def single_rate(url: str, seconds: float, *, connections: int) -> float:
    """Postings a second, each its own call and commit, many clients at once on the hot account."""
    stop_at = time.perf_counter() + seconds

    async def client(number: int) -> int:
        done = 0
        async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
            for posting in postings(f"single-{number}"):
                if time.perf_counter() >= stop_at:
                    return done
                await store.post(conn, posting)
                await conn.commit()
                done += 1
        return done

    started = time.perf_counter()
    done = sum(await asyncio.gather(*(client(number) for number in range(connections))))
    return done / (time.perf_counter() - started)


async def set_based_rate(url: str, seconds: float, *, connections: int, batch: int) -> float:
    """Postings a second in batches, a call and a commit a batch, on the same hot account."""
    stop_at = time.perf_counter() + seconds

    async def client(number: int) -> int:
        done = 0
        source = postings(f"batch-{number}")
        async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
            while time.perf_counter() < stop_at:
                await store.post_many(conn, [next(source) for _ in range(batch)])
                await conn.commit()
                done += batch
        return done

    started = time.perf_counter()
    done = sum(await asyncio.gather(*(client(number) for number in range(connections))))
    return done / (time.perf_counter() - started)


async def batching(url: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Both rates in turns."""
    single: list[float] = []
    batched: list[float] = []
    for _ in range(rounds):
        single.append(await single_rate(url, seconds, connections=8))
        batched.append(await set_based_rate(url, seconds, connections=2, batch=500))
    return {
        "batch": 500,
        "connections_single": 8,
        "connections_batch": 2,
        "single_per_s": round(statistics.median(single)),
        "set_based_per_s": round(statistics.median(batched)),
        "set_based_to_single_by_round": [
            round(many / one, 2) for many, one in zip(batched, single, strict=True)
        ],
    }


async def hot_account(url: str, seconds: float, rounds: int) -> dict[str, Any]:
    """200 writers on one account, in turns with calm; lost updates, errors, and the others' p99 in both."""
    calm: list[float] = []
    busy: list[float] = []
    failures: list[str] = []
    posted = 0
    before = await _version(url)
    for _ in range(rounds):
        calm += await _others(url, seconds)
        stop = asyncio.Event()
        # What the programs do: the writers of a process share its few connections, batch by batch.
        queue: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        writers = [asyncio.create_task(_writer(queue, stop)) for _ in range(WRITERS)]
        lanes = [asyncio.create_task(_lane(url, queue, stop, failures)) for _ in range(2)]
        busy += await _others(url, seconds)
        stop.set()
        posted += sum(await asyncio.gather(*writers))
        await asyncio.gather(*lanes)
    return {
        "hot_writers": WRITERS,
        "hot_posted_per_s": round(posted / seconds / rounds),
        "lost_updates": posted - (await _version(url) - before),
        "surfaced_errors": failures,
        "others_p99_calm_ms": _p99(calm),
        "others_p99_busy_ms": _p99(busy),
    }


async def _writer(queue: asyncio.Queue[asyncio.Future[None]], stop: asyncio.Event) -> int:
    done = 0
    while not stop.is_set():
        posted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.put_nowait(posted)
        await posted
        done += 1
    return done


async def _lane(
    url: str, queue: asyncio.Queue[asyncio.Future[None]], stop: asyncio.Event, failures: list[str]
) -> None:
    async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
        while not stop.is_set() or not queue.empty():
            try:
                waiting = [await asyncio.wait_for(queue.get(), 0.1)]
            except TimeoutError:
                continue
            while not queue.empty() and len(waiting) < 50:
                waiting.append(queue.get_nowait())
            try:
                await store.post_many(conn, [_hot_posting() for _ in waiting])
                await conn.commit()
            except psycopg.Error as error:
                failures.append(type(error).__name__)
                await conn.rollback()
            for posted in waiting:
                posted.set_result(None)


def _hot_posting() -> Posting:
    return direct_payment(uuid7(), "hot-customer", Money(100, "EUR"), None)


async def _version(url: str) -> int:
    async with await AsyncConnection.connect(url) as conn:
        return (await store.balance(conn, customer("hot-customer"), "EUR")).version


async def _others(url: str, seconds: float) -> list[float]:
    """Milliseconds of postings between accounts that nobody else touches."""
    taken: list[float] = []
    deadline = time.perf_counter() + seconds
    async with await AsyncConnection.connect(url, prepare_threshold=2) as conn:
        step = 0
        while time.perf_counter() < deadline:
            money = Money(100, "GHS")
            ends = (Account("customer", f"cold-{step % 50}"), Account("customer", f"cold-{step % 50 + 50}"))
            entries = (Entry(ends[0], DEBIT, money), Entry(ends[1], CREDIT, money))
            started = time.perf_counter()
            await store.post(conn, Posting("bench", str(uuid7()), "cold", entries))
            await conn.commit()
            taken.append((time.perf_counter() - started) * 1000)
            step += 1
            await asyncio.sleep(0.005)  # a paced client: its own speed is not what is measured
    return taken


def _p99(taken: list[float]) -> float:
    return round(statistics.quantiles(taken, n=100)[98], 2)
