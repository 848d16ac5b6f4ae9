"""The follower sleeps while nothing happens: recorders wake it, and what nobody told of is found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.testing import url_of
from payments_schema.webhooks import store
from payments_schema.webhooks.news import look
from payments_schema.wire.webhooks import CreateSubscription
from psycopg import AsyncConnection

from recon_worker.database import Line
from recon_worker.webhooks.follower import Follower

FACT = NewEvent("test.done", "a", {})
RAW = "INSERT INTO core.event (type, subject, data) VALUES ('test.done', 'a', '{}')"


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    async with await AsyncConnection.connect(url, autocommit=True) as conn:
        yield conn


@asynccontextmanager
async def following(url: str) -> AsyncIterator[tuple[Follower, list[int]]]:
    line, told = Line(url, name="test"), list[int]()

    async def tell() -> None:
        async with line.unit_of_work() as conn:
            told.append(await store.fan_out(conn))

    follower = Follower(line, tell)
    task = asyncio.create_task(follower.follow())
    try:
        yield follower, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await line.close()


async def someone_sleeps(conn: AsyncConnection[Any]) -> bool:
    found = await conn.execute(
        "SELECT EXISTS (SELECT FROM pg_locks "
        "WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND objid = 726175001 "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    return (await found.fetchall())[0][0]


async def notes_of(listening: AsyncConnection[Any], speaking: AsyncConnection[Any]) -> int:
    """How many notifications came before a mark that is set now: they keep their order."""
    await speaking.execute("SELECT pg_notify(%s, 'mark')", [events.CHANNEL])
    async with asyncio.timeout(60):
        count = 0
        async for note in listening.notifies():
            if note.payload == "mark":
                break
            count += 1
        return count


async def test_recorders_notify_those_who_sleep_and_nobody_else(database_url: str) -> None:
    async with connected(database_url) as listening, connected(database_url) as conn:
        await listening.execute('LISTEN "core.event"')
        await events.record(conn, FACT)
        assert await notes_of(listening, conn) == 0
        assert await events.fall_asleep(listening) == "ours"
        assert await events.record_many(conn, [FACT, FACT])
        assert await notes_of(listening, conn) == 1
        await events.wake_up(listening)
        await events.record_all(conn, [FACT])
        assert await notes_of(listening, conn) == 0


async def test_nobody_falls_asleep_beside_a_recorder_that_did_not_notify(database_url: str) -> None:
    async with (
        connected(database_url) as one,
        connected(database_url) as other,
        connected(database_url) as conn,
    ):
        async with conn.transaction():
            await events.record(conn, FACT)
            assert await events.fall_asleep(one) is None
        assert await events.fall_asleep(one) == "ours"
        assert await events.fall_asleep(other) == "theirs"


async def test_what_is_told_and_what_nobody_told_of_are_found(database_url: str) -> None:
    async with connected(database_url) as conn, following(database_url) as (follower, told):
        await store.create(conn, CreateSubscription(url="https://example.com/hook", types=[]))
        follower.nudge()
        await eventually(lambda: someone_sleeps(conn))

        async def has_told(count: int) -> bool:
            return sum(told) == count

        await conn.execute(RAW)  # no recorder of ours: nobody is notified
        await eventually(lambda: has_told(1))
        await eventually(lambda: someone_sleeps(conn))
        await events.record(conn, FACT)
        follower.nudge()
        await eventually(lambda: has_told(2))


async def test_an_event_behind_an_older_transaction_is_told_once_that_has_ended(database_url: str) -> None:
    async with (
        connected(database_url) as conn,
        connected(database_url) as older,
        following(database_url) as (follower, told),
    ):
        await store.create(conn, CreateSubscription(url="https://example.com/hook", types=[]))
        follower.nudge()
        await eventually(lambda: someone_sleeps(conn))
        async with older.transaction():
            await older.execute("SELECT pg_current_xact_id()")
            await events.record(conn, FACT)
            follower.nudge()
            assert not (await look(conn)).is_there
            assert (await look(conn)).is_coming
            assert told == []

        async def has_told() -> bool:
            return sum(told) == 1

        await eventually(has_told)


async def test_a_follower_whose_session_ends_finds_what_came_meanwhile(
    database_url: str, server_url: str, database_name: str
) -> None:
    async with (
        connected(url_of(server_url, database_name)) as superuser,
        following(database_url) as (follower, told),
    ):
        await store.create(superuser, CreateSubscription(url="https://example.com/hook", types=[]))
        follower.nudge()
        await eventually(lambda: someone_sleeps(superuser))
        await superuser.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'test'"
        )
        await events.record(superuser, FACT)

        async def has_told() -> bool:
            return sum(told) == 1

        await eventually(has_told)
