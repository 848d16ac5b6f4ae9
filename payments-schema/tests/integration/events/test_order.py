"""Readers of events miss none, whatever commits first, and whichever cluster the rows come from."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg import AsyncConnection

from payments_schema.database import migrate
from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.errors import InvalidCursor
from payments_schema.events import store
from payments_schema.events.store import NewEvent
from payments_schema.testing import url_of
from payments_schema.wire.events import EventPage


async def recorded(conn: AsyncConnection, subject: str) -> None:
    await store.record(conn, NewEvent("test.happened", subject, {}))


async def readable(pool: Pool, count: int, cursor: str | None = None) -> EventPage:
    """The page once it has that many: other databases' open transactions hold back what is new."""
    async with asyncio.timeout(120):
        while True:
            async with unit_of_work(pool) as reader:
                page = await store.list_page(reader, cursor=cursor)
            if len(page.data) >= count:
                return page


async def test_an_event_that_commits_late_under_an_early_number_is_not_passed_over(pool: Pool) -> None:
    async with pool.connection() as quick:
        await quick.execute("SELECT pg_current_xact_id()")  # the older transaction …
        async with unit_of_work(pool) as slow:
            await recorded(slow, "slow")  # … and the younger takes the first number
            await recorded(quick, "quick")
            await quick.commit()
            first = await readable(pool, 1)
            assert [event.subject for event in first.data] == ["quick"]
    rest = await readable(pool, 1, cursor=first.data[0].id)
    assert [event.subject for event in rest.data] == ["slow"]


async def test_events_of_a_restored_dump_are_readable_and_come_first(
    pool: Pool, server_url: str, database_name: str
) -> None:
    async with unit_of_work(pool) as conn:
        await recorded(conn, "restored")
    owner = url_of(server_url, database_name)
    with psycopg.connect(owner) as mighty:  # as if another cluster had been further on
        mighty.execute("UPDATE core.event SET transaction = '99999999999'")
    async with unit_of_work(pool) as conn:
        await recorded(conn, "new")
    migrate.migrate(owner)
    page = await readable(pool, 2)
    assert [event.subject for event in page.data] == ["restored", "new"]


async def test_a_cursor_that_names_no_event_is_refused(conn: AsyncConnection) -> None:
    for cursor in ("nonsense", "evt_0000000000000099"):
        with pytest.raises(InvalidCursor):
            await store.list_page(conn, cursor=cursor)
