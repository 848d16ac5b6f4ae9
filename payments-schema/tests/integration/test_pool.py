"""Pools and units of work: commit, roll back, refuse in time, survive a lost server connection."""

import asyncio

import pytest
from builders import one, until

from payments_schema.database.pool import open_pool, unit_of_work
from payments_schema.errors import Overloaded
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent


async def test_a_unit_of_work_commits_as_a_whole_or_not_at_all(pool):
    async with unit_of_work(pool) as conn:
        await events.record(conn, NewEvent("kept", "s", {}))
    with pytest.raises(RuntimeError):
        async with unit_of_work(pool) as conn:
            await events.record(conn, NewEvent("lost", "s", {}))
            raise RuntimeError
    async with unit_of_work(pool) as conn:
        assert await one(conn, "SELECT string_agg(type, ',') FROM core.event") == "kept"


async def test_an_exhausted_pool_refuses_in_time(database_url):
    async with open_pool(database_url, max_size=1, timeout_s=0.1, max_waiting=1) as pool, unit_of_work(pool):
        with pytest.raises(Overloaded) as refused:
            async with unit_of_work(pool):
                pytest.fail("there was no connection to have")
        assert refused.value.status == 503

        async def ask():
            try:
                async with unit_of_work(pool):
                    return "served"
            except Overloaded:
                return "refused"

        assert await asyncio.gather(*(ask() for _ in range(5))) == ["refused"] * 5


async def test_a_connection_the_server_cut_is_replaced(pool, server_url):
    import psycopg

    async with unit_of_work(pool) as conn:
        pid = conn.info.backend_pid
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    async def works():
        async with unit_of_work(pool) as conn:
            return await one(conn, "SELECT 1")

    assert await until(works) == 1


async def test_connections_lost_together_cost_the_next_caller_one_wait(database_url, server_url):
    """Eight tries with a pause that doubles would take longer than the half minute that the caller has."""
    import psycopg

    async with open_pool(database_url, min_size=8, max_size=8, timeout_s=30) as pool:
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(used(pool))
        with psycopg.connect(server_url, autocommit=True) as admin:
            ended = admin.execute(
                "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity "
                "WHERE datname = %s AND application_name = 'payments'",
                [psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]],
            ).fetchone()
        assert ended == (8,)
        await used(pool)


async def used(pool):
    async with unit_of_work(pool) as conn:
        assert await one(conn, "SELECT 1") == 1
