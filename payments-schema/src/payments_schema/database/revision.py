"""Runs one numbered SQL file inside Alembic's transaction. Must not change what the file says."""

from importlib import resources
from typing import Any, cast

from alembic import op

SQL_FOLDER = resources.files("payments_schema.database") / "migrations" / "sql"


def apply(file_name: str) -> None:
    """Send the file as it stands: the driver's own connection, so that `%` and `:` mean nothing."""
    statement = (SQL_FOLDER / file_name).read_text(encoding="utf-8")
    driver_connection = cast("Any", op.get_bind().connection.driver_connection)
    driver_connection.execute(statement)
