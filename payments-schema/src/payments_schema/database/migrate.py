"""Brings a database to the newest schema, one migration a transaction, one migrator at a time.

Must not be used by the programs at run time: they only check. Synchronous, because Alembic is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, cast

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import errors as pg
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from payments_schema.errors import PaymentsError

OWNER_ROLE = "payments_migrator"
_LOCK_ID = 0x7061796D656E7473 & 0x7FFFFFFFFFFFFFFF  # "payments"
_FOLDER = Path(str(resources.files("payments_schema.database"))) / "migrations"
ROLES = _FOLDER / "roles.sql"


class MigrationFailed(PaymentsError):
    """The database could not be brought to the newest schema; `detail` says why in one sentence."""

    code = "migration_failed"
    status = 500


class MigrationBlocked(MigrationFailed):
    """Somebody else holds the migration lock or a table; `detail` names them."""

    code = "migration_blocked"
    status = 503


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a run did: the revisions applied, in order (empty: nothing was to do), and where it stands."""

    applied: tuple[str, ...]
    revision: str


def sql_files() -> list[Path]:
    """The numbered SQL files in their order."""
    return sorted((_FOLDER / "sql").glob("*.sql"))


def fingerprint() -> str:
    """A hash over roles and migrations: equal for equal schemas, made for naming template databases."""
    digest = hashlib.sha256(ROLES.read_bytes())
    for file in sql_files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def head() -> str:
    """The newest revision this package knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None, "the package ships its migrations"
    return newest


def current(url: str) -> str | None:
    """The revision a database stands at; None where it was never migrated or may not be read."""
    with _connect(url) as conn:
        return _revision(conn)


def _revision(conn: psycopg.Connection[Any]) -> str | None:
    found = conn.execute("SELECT to_regclass('core.migration') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return None
    row = conn.execute("SELECT version_num FROM core.migration").fetchone()
    return None if row is None else cast("str", row[0])


def migrate(
    url: str,
    *,
    lock_timeout_s: float = 5.0,
    wait_s: float = 30.0,
    progress: Callable[[str], None] | None = None,
) -> Migrated:
    """Apply what is missing; safe to repeat and to kill at any moment.

    lock_timeout_s: how long one statement waits for a table; wait_s: how long to wait for another migrator.
    Raises MigrationBlocked, MigrationFailed.
    """
    say = progress or _say_nothing
    with _connect(url) as conn, _migration_lock(conn, wait_s):
        _become_owner(conn)
        conn.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(lock_timeout_s * 1000)}ms"])
        conn.execute("CREATE SCHEMA IF NOT EXISTS core")
        applied: list[str] = []

        def note(**facts: Any) -> None:
            revision = cast("str", facts["step"].up_revision_id)
            applied.append(revision)
            say(f"migrated to {facts['step'].up_revision.doc.partition(':')[0]}")

        _upgrade(conn, note)
        conn.autocommit = True
        conn.execute("SELECT core.adopt_events()")
        reached = _revision(conn)
        assert reached is not None
        return Migrated(tuple(applied), reached)


def _say_nothing(_line: str) -> None:
    pass


def _upgrade(conn: psycopg.Connection[Any], note: Callable[..., None]) -> None:
    # One connection for lock and migrations: were it lost, the lock would be gone with it.
    conn.autocommit = False
    engine = create_engine("postgresql+psycopg://", creator=lambda: conn, poolclass=StaticPool)
    config = _config()
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            config.attributes["on_version_apply"] = note
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise _explained(error.orig or error) from error
    except psycopg.Error as error:
        raise _explained(error) from error


def _explained(error: BaseException) -> MigrationFailed:
    if isinstance(error, pg.LockNotAvailable):
        return MigrationBlocked(f"a table is in use for longer than the lock timeout: {_first_line(error)}")
    return MigrationFailed(_first_line(error))


@contextmanager
def _connect(url: str) -> Generator[psycopg.Connection[Any]]:
    try:
        conn = psycopg.connect(
            url, autocommit=True, connect_timeout=10, application_name="payments-schema migrate"
        )
    except psycopg.Error as error:
        raise MigrationFailed(f"cannot connect: {_first_line(error)}") from error
    with conn:
        yield conn


@contextmanager
def _migration_lock(conn: psycopg.Connection[Any], wait_s: float) -> Generator[None]:
    conn.execute("SELECT set_config('lock_timeout', %s, false)", [f"{max(1, int(wait_s * 1000))}ms"])
    try:
        conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK_ID])
    except pg.LockNotAvailable as error:
        raise MigrationBlocked(f"another migration is running: {_lock_holder(conn)}") from error
    yield  # released with the connection


def _lock_holder(conn: psycopg.Connection[Any]) -> str:
    row = conn.execute(
        """
        SELECT a.pid, a.usename, a.application_name, a.backend_start::timestamptz(0)::text
        FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND l.database = (
            SELECT oid FROM pg_database WHERE datname = current_database())
            AND (l.classid::bigint << 32 | l.objid::bigint) = %s
        """,
        [_LOCK_ID],
    ).fetchone()
    return "it has just ended" if row is None else "server process {} of {} ({}), since {}".format(*row)


def _become_owner(conn: psycopg.Connection[Any]) -> None:
    """Make the roles where they are missing, and act as their owner, so that objects are the owner's."""
    try:
        conn.execute(cast("Any", ROLES.read_text(encoding="utf-8")))
        conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER_ROLE)))
    except pg.InsufficientPrivilege as error:
        raise MigrationFailed(
            f"this user may not act as role {OWNER_ROLE} ({_first_line(error)}); as an administrator run: "
            f"CREATE ROLE {OWNER_ROLE}; CREATE ROLE payments_app; "
            f"GRANT {OWNER_ROLE}, payments_app TO <user>; "
            f"GRANT CREATE ON DATABASE <database> TO {OWNER_ROLE}; "
            f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER_ROLE}"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
