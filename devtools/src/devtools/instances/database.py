"""An instance's database in the server of its home: cloned from a template that carries the migrations' hash.

Must not touch a database whose name is not that of an instance or of a template.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from devtools.instances.calls import git
from devtools.postgres.credentials import SUPERUSER, environment, url
from devtools.postgres.place import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from devtools.instances.place import Instance
    from devtools.manifest.model import Database
    from devtools.workspace import Workspace

KEPT_TEMPLATES = 4
LARGE_BYTES = 500_000_000
_LOCK = 7_015_001  # of instances' databases: two creates at once build one template


def address(home: Workspace, database: str = "postgres") -> str:
    """The superuser's URL of the home's own server."""
    return url(home.state_dir, SUPERUSER, database, place_of(home).port)


def variables(instance: Instance, spec: Database, name: str) -> dict[str, str]:
    """What the instance's programs are told of a database in the home's server."""
    return environment(replace(spec, name=name), instance.home.state_dir, place_of(instance.home).port)


def migrations_hash(instance: Instance) -> str:
    """Names what the migrations in the tree say, over every repository in it, committed or not."""
    digest = hashlib.sha256()
    folders = [instance.tree, *(found.parent for found in sorted(instance.tree.glob("*/.git")))]
    for folder in folders:
        files = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        for name in sorted(set(files)):
            file = folder / name
            # Compiled code appears when they are run: where nobody ignores it, it would rename the template.
            if "migrations/" in name and "__pycache__/" not in name and file.is_file():
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{folder.relative_to(instance.tree)} {name} {content}\n".encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _alone(home: Workspace) -> Generator[psycopg.Connection]:
    """A connection that has the right to make databases; a killed predecessor's statement is waited for."""
    with psycopg.connect(address(home), autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        yield conn


def clone(instance: Instance, spec: Database, migrate: Callable[[str], None], origin: str = "") -> bool:
    """Make the database where it is missing; `migrate` is asked to fill a new template.

    origin: what would fill a template now, see `filling`. True where the database was made now of a template
    that the same has filled.
    """
    is_filled = False
    with _alone(instance.home) as conn:
        if not _is_whole(conn, instance.database):
            template = _template(conn, migrations_hash(instance), spec, migrate, origin)
            is_filled = bool(origin) and _origin(conn, template) == origin
            _create(conn, instance.database, spec, template)
        _grant(conn, instance.database, spec)
    return is_filled


def copy(instance: Instance, spec: Database, source: str) -> str:
    """Make the database as a copy of another, in which nobody may work meanwhile; returns its name."""
    with _alone(instance.home) as conn:
        if not _is_whole(conn, instance.database):
            _create(conn, instance.database, spec, source)
        _grant(conn, instance.database, spec)
    return instance.database


def make_empty(instance: Instance, spec: Database) -> str:
    """Make the database anew with nothing in it; returns its name."""
    with _alone(instance.home) as conn:
        _create(conn, instance.database, spec, "template1")
        _grant(conn, instance.database, spec)
    return instance.database


def template_of(instance: Instance) -> str:
    """The name of the template with the migrations of this instance's tree."""
    return f"template_{migrations_hash(instance)}"


def _template(
    conn: psycopg.Connection, version: str, spec: Database, migrate: Callable[[str], None], origin: str
) -> str:
    template = f"template_{version}"
    if not _is_whole(conn, template):
        building = f"{template}_new"
        _create(conn, building, spec, "template1")
        migrate(building)
        _grant(conn, building, spec)
        _note_origin(conn, building, origin)
        _seal(conn, building, template)
        _drop_old_templates(conn)
    return template


def _note_origin(conn: psycopg.Connection, name: str, origin: str) -> None:
    """Write it at the database itself: it is renamed, and dropped, with that; a clone does not have it."""
    note = sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(origin or None))
    conn.execute(note)


def _origin(conn: psycopg.Connection, name: str) -> str:
    found = conn.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,)
    ).fetchone()
    return str(found[0] or "") if found else ""


def _create(conn: psycopg.Connection, name: str, spec: Database, template: str) -> None:
    """Make the database anew: through the log; a large one by copied files, whose syncs cost less then."""
    _drop(conn, name)
    size = conn.execute("SELECT pg_database_size(%s)", (template,)).fetchone()
    is_large = size is not None and size[0] > LARGE_BYTES
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {}").format(
        sql.Identifier(name),
        sql.Identifier(spec.owner),
        sql.Identifier(template),
        sql.SQL("FILE_COPY" if is_large else "WAL_LOG"),
    )
    conn.execute(statement)


def _grant(conn: psycopg.Connection, name: str, spec: Database) -> None:
    made, user = sql.Identifier(name), sql.Identifier(spec.user)
    conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(made))
    conn.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(made, user))


def _seal(conn: psycopg.Connection, building: str, template: str) -> None:
    """Give the template its name, with nobody connected to it: only then can it be cloned at any time."""
    conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(building)))
    ending = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
    conn.execute(ending, (building,))
    conn.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(building), sql.Identifier(template))
    )


def _drop_old_templates(conn: psycopg.Connection) -> None:
    old = conn.execute(
        "SELECT datname FROM pg_database WHERE datname ~ '^template_[0-9a-f]{16}(_new)?$'"
        " ORDER BY oid DESC OFFSET %s",
        (KEPT_TEMPLATES,),
    )
    for (name,) in old.fetchall():
        _drop(conn, name)


def _drop(conn: psycopg.Connection, name: str) -> None:
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _is_whole(conn: psycopg.Connection, name: str) -> bool:
    """True where the server has this database, and no interrupted DROP has spoiled it."""
    found = conn.execute("SELECT datconnlimit FROM pg_database WHERE datname = %s", (name,)).fetchone()
    return found is not None and found[0] != -2


def drop(instance: Instance) -> bool:
    """Drop the instance's database; True once the server has none of that name."""
    with _alone(instance.home) as conn:
        _drop(conn, instance.database)
        left = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (instance.database,)).fetchone()
    return left is None
