"""Work aside: full collections fall between units of work, and nobody waits for long because of one."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from recon_worker.garbage import MIDDLE_ROUNDS, FullCollections
from recon_worker.wallets.aside import Aside

WITHIN_S = 60


class Full(FullCollections):
    """Collections that are due when a test says so."""

    def __init__(self) -> None:
        self.due = False
        self.ran_while: list[int] = []
        self.open = 0
        # The clock stands: none is ever overdue, however slow the machine is.
        super().__init__(
            clock=lambda: 0.0,
            middle_rounds=lambda: MIDDLE_ROUNDS if self.due else 0,
            collect=self._note,
        )

    def _note(self) -> None:
        self.ran_while.append(self.open)
        self.due = False


class Work:
    """A unit of work that is open until it is told to end."""

    def __init__(self, full: Full) -> None:
        self._full = full
        self.begun, self.may_end = threading.Event(), threading.Event()

    async def __call__(self) -> str:
        self._full.open += 1
        self.begun.set()
        while not self.may_end.is_set():  # noqa: ASYNC110  (told from another loop)
            await asyncio.sleep(0.001)
        self._full.open -= 1
        return "done"

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, WITHIN_S)


@pytest.fixture
def full() -> Full:
    return Full()


@pytest_asyncio.fixture
async def aside(full: Full) -> AsyncIterator[Aside]:
    made = Aside("test", full)
    yield made
    await made.close()


async def test_a_collection_waits_for_what_is_open_and_holds_new_work_back(aside: Aside, full: Full) -> None:
    first, second = Work(full), Work(full)
    running = [asyncio.create_task(aside.run(work())) for work in (first, second)]
    await first.until_begun()
    await second.until_begun()
    full.due = True
    first.may_end.set()
    assert await running[0] == "done"
    assert full.ran_while == []  # the second is open
    second.may_end.set()
    assert await running[1] == "done"
    later = Work(full)
    later.may_end.set()
    assert await aside.run(later()) == "done"
    assert full.ran_while == [0]


async def test_work_that_takes_long_holds_nobody_back_for_long(aside: Aside, full: Full) -> None:
    stuck, ended, new = Work(full), Work(full), Work(full)
    tasks = [asyncio.create_task(aside.run(work())) for work in (stuck, ended)]
    await stuck.until_begun()
    await ended.until_begun()
    full.due = True
    ended.may_end.set()
    await tasks[1]
    new.may_end.set()
    assert await asyncio.wait_for(aside.run(new()), WITHIN_S) == "done"
    assert full.ran_while == []
    stuck.may_end.set()
    await tasks[0]
    assert full.ran_while == [0]


async def test_an_idle_process_collects_too(full: Full) -> None:
    idle = Aside("test", full, look_s=0.05)
    try:
        await idle.run(asyncio.sleep(0))  # nothing more is run: only the look finds what is due from now on
        full.due = True
        async with asyncio.timeout(WITHIN_S):
            while not full.ran_while:  # noqa: ASYNC110  (told from another loop)
                await asyncio.sleep(0.01)
    finally:
        await idle.close()


async def test_cancelled_before_it_began_it_never_begins(aside: Aside, full: Full) -> None:
    first, second, held = Work(full), Work(full), Work(full)
    running = [asyncio.create_task(aside.run(work())) for work in (first, second)]
    await first.until_begun()
    await second.until_begun()
    full.due = True
    first.may_end.set()
    await running[0]
    waiting = asyncio.create_task(aside.run(held()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    second.may_end.set()
    await running[1]


async def test_closing_gives_the_collections_back_to_python() -> None:
    before = gc.get_threshold()
    aside = Aside("test", FullCollections())
    await aside.run(asyncio.sleep(0))
    assert gc.get_threshold() != before
    await aside.close()
    assert gc.get_threshold() == before
