"""Opens pools and units of work. Must not decide what is done inside one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from payments_schema.errors import Overloaded

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]
APPLICATION_ROLE = "payments_app"

# Least privilege also where the URL names a mightier user: the programs act as the application role.
_TAKE_ROLE: LiteralString = """
SELECT set_config('role', r.rolname, false) FROM pg_roles AS r
WHERE r.rolname = 'payments_app' AND r.rolname <> session_user AND pg_has_role(session_user, r.oid, 'MEMBER')
"""


async def take_application_role(conn: AsyncConnection[TupleRow]) -> None:
    """Act as the application role from now on, where this user may; `conn` must be outside a transaction."""
    await conn.set_autocommit(True)
    await conn.execute(_TAKE_ROLE)
    await conn.execute("SELECT set_config('TimeZone', 'UTC', false)")
    await conn.set_autocommit(False)


def make_pool(
    url: str,
    *,
    min_size: int = 1,
    max_size: int = 8,
    name: str = "payments",
    max_waiting: int = 200,
    timeout_s: float = 2.0,
    prepare_threshold: int | None = 2,
) -> Pool:
    """A pool that is not open yet; connections are checked before use and keep their server alive.

    max_waiting: how many may queue for a connection before the next is refused at once.
    """

    async def check(conn: AsyncConnection[TupleRow]) -> None:
        # A server that went took all of them: found one by one, each would make its caller wait a second
        # longer than the one before, and the third would be refused.
        try:
            await AsyncConnectionPool.check_connection(conn)
        except OperationalError:
            await pool.drain()
            raise

    pool: Pool = AsyncConnectionPool(
        url,
        min_size=min_size,
        max_size=max_size,
        name=name,
        timeout=timeout_s,
        # Short, so that after an outage the next request connects instead of waiting out a long back-off.
        reconnect_timeout=2.0,
        max_waiting=max_waiting,
        check=check,
        configure=take_application_role,
        open=False,
        kwargs={
            "application_name": name,
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "prepare_threshold": prepare_threshold,
        },
    )
    return pool


@asynccontextmanager
async def open_pool(
    url: str,
    *,
    min_size: int = 1,
    max_size: int = 8,
    name: str = "payments",
    max_waiting: int = 200,
    timeout_s: float = 2.0,
    wait: bool = True,
) -> AsyncGenerator[Pool]:
    """An open pool for the length of a block. wait: whether `min_size` connections must stand first."""
    pool = make_pool(
        url, min_size=min_size, max_size=max_size, name=name, max_waiting=max_waiting, timeout_s=timeout_s
    )
    await pool.open(wait=wait, timeout=10)
    try:
        yield pool
    finally:
        await pool.close(timeout=5)


@asynccontextmanager
async def unit_of_work(pool: Pool) -> AsyncGenerator[AsyncConnection[TupleRow]]:
    """One transaction: committed when the block ends, undone when it raises.

    Raises Overloaded where no connection became free in time; nothing was done then.
    """
    try:
        conn = await pool.getconn()
    except (PoolTimeout, TooManyRequests) as error:
        raise Overloaded from error
    try:
        async with conn.transaction():
            yield conn
    finally:
        await pool.putconn(conn)
