"""A line to the database for async actors: one connection that reopens itself within a moment.

Must not hold SQL of any capability, nor pool: a lane of work needs one connection, and a pool's growing
pauses between attempts would outlast the outage.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection

_SETTINGS: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 6000,
    "connect_timeout": 3,
}

_PREPARE = """
SELECT set_config('statement_timeout', '30s', false), set_config('lock_timeout', '10s', false),
       set_config('idle_in_transaction_session_timeout', '30s', false)
"""

_ASSUME_ROLE = """
SELECT set_config('role', rolname, false) FROM pg_roles
WHERE rolname = %(role)s AND rolname <> session_user AND pg_has_role(session_user, oid, 'MEMBER')
"""


class Line:
    """One connection, one unit of work at a time."""

    def __init__(self, url: str, *, name: str, role: str | None = None) -> None:
        self._url = url
        self._name = name
        self._role = role
        self._conn: AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """The connection outside of a transaction: one statement that only reads costs one round trip.

        Raises psycopg.OperationalError where there is no database.
        """
        async with self._lock:
            conn = await self._open()
            try:
                yield conn
            finally:
                if conn.broken or conn.closed:
                    self._conn = None

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """A transaction, committed at the end. Raises psycopg.OperationalError where there is no database."""
        async with self.connection() as conn, conn.transaction():
            yield conn

    async def close(self) -> None:
        """Close the connection; the next unit of work would open another."""
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()

    async def _open(self) -> AsyncConnection[Any]:
        if self._conn is None or self._conn.closed:
            conn = await AsyncConnection.connect(
                self._url, autocommit=True, application_name=self._name, **_SETTINGS
            )
            try:
                await conn.execute(_PREPARE)
                if self._role is not None:
                    await conn.execute(_ASSUME_ROLE, {"role": self._role})
            except psycopg.Error:
                await conn.close()
                raise
            self._conn = conn
        return self._conn
