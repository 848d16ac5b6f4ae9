"""Says which migration a database stands at, cheaply enough for a probe. Must not compare or migrate."""

from __future__ import annotations

from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow


async def revision(conn: AsyncConnection[TupleRow]) -> str | None:
    """The newest migration applied, or None where there is none."""
    try:
        async with conn.transaction():
            row = await (await conn.execute("SELECT version_num FROM core.migration")).fetchone()
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return None
    return None if row is None else str(row[0])
