"""Pytest plugin: a migrated database of its own for every test, cloned from a template in a moment.

Load it with `-p payments_schema.testing`. Must not be imported by a program.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from payments_schema.database import migrate
from payments_schema.database.pool import Pool, open_pool
from payments_schema.database.urls import url_of

__all__ = ["create_database", "drop_database", "settled", "template", "url_of"]
_TEMPLATE_LOCK = 0x7061795F74657374


def template(server_url: str) -> str:
    """The name of the migrated template database, made by whoever comes first."""
    name = f"payments_template_{migrate.fingerprint()}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        if _exists(conn, name):
            return name
        conn.execute("SELECT pg_advisory_lock(%s)", [_TEMPLATE_LOCK])
        if _exists(conn, name):
            return name
        building = sql.Identifier(f"{name}_building")
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(building))
        conn.execute(sql.SQL("CREATE DATABASE {}").format(building))
        migrate.migrate(url_of(server_url, f"{name}_building"))
        conn.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(building))
        conn.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(building, sql.Identifier(name)))
    return name


def _exists(conn: psycopg.Connection[Any], name: str) -> bool:
    return conn.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def create_database(server_url: str, *, from_template: str | None = None) -> str:
    """A fresh database on the server; returns its name."""
    name = f"payments_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if from_template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(from_template))
            if conn.info.server_version >= 150000:
                row = conn.execute("SHOW fsync").fetchone()
                if row is not None and row[0] == "off":
                    # Six times as fast, as long as the checkpoint that it needs costs nothing.
                    statement += sql.SQL(" STRATEGY file_copy")
        conn.execute(statement)
    return name


def drop_database(server_url: str, name: str) -> None:
    """Drop it, whoever is still connected."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


async def settled(conn: AsyncConnection[Any], *, within_s: float = 60.0) -> None:
    """Wait until whatever is committed by now may be read in order.

    Events are listed and transactions sealed behind the oldest one that is open anywhere on the server, and
    other tests have theirs open. Call it outside a transaction; a transaction of the caller's own counts too.
    """
    asked = await conn.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    row = await asked.fetchone()
    await conn.commit()
    assert row is not None
    deadline = time.monotonic() + within_s
    oldest = -1
    while oldest < row[0]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"a transaction older than {row[0]} stayed open for {within_s:g} s")
        found = await (
            await conn.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        ).fetchone()
        await conn.commit()
        assert found is not None
        oldest = found[0]
        await asyncio.sleep(0.005)


@pytest.fixture(scope="session")
def server_url() -> str:
    """The superuser URL of a Postgres for tests: TEST_DATABASE_URL, else what devtools starts."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given
    beside = Path(sys.executable).parent / "devtools"
    devtools = str(beside) if beside.exists() else shutil.which("devtools")
    if devtools is None:
        pytest.exit("tests need a Postgres: set TEST_DATABASE_URL to a superuser's URL", returncode=2)
    started = subprocess.run(
        [devtools, "postgres", "test-server"], capture_output=True, text=True, timeout=120, check=False
    )
    if started.returncode != 0:
        pytest.exit(f"devtools postgres test-server failed: {started.stderr.strip()[-500:]}", returncode=2)
    return started.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def template_database(server_url: str) -> str:
    """The template that every test's database is cloned from."""
    return template(server_url)


@pytest.fixture
def database_name(server_url: str, template_database: str) -> Iterator[str]:
    """A migrated database for this test alone."""
    name = create_database(server_url, from_template=template_database)
    yield name
    drop_database(server_url, name)


@pytest.fixture
def database_url(server_url: str, database_name: str) -> str:
    """This test's database as the application role sees it."""
    return url_of(server_url, database_name, "payments_app")


@pytest.fixture
def owner_url(server_url: str, database_name: str) -> str:
    """This test's database as its owner, the migrator role, sees it."""
    return url_of(server_url, database_name, migrate.OWNER_ROLE)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the application role."""
    async with open_pool(database_url, min_size=1, max_size=8, name="test", timeout_s=30) as opened:
        yield opened


@pytest_asyncio.fixture
async def conn(database_url: str) -> AsyncIterator[AsyncConnection[TupleRow]]:
    """A connection of the application role; the test commits what others are to see."""
    opened = await AsyncConnection.connect(database_url)
    async with opened:
        yield opened
