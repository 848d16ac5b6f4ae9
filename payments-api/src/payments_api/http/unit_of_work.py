"""Lends one connection in one transaction to one request; it commits before the answer leaves.

Must not be asked for by a route that never touches Postgres, and nothing below it commits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from payments_schema.database import pool as database
from psycopg import AsyncConnection


async def unit_of_work(request: Request) -> AsyncIterator[AsyncConnection]:
    """Open the transaction; an exception in the route rolls it back."""
    async with database.unit_of_work(request.app.state.pool) as conn:
        yield conn


# scope="function": FastAPI's default would commit after the client has its answer.
UnitOfWork = Annotated[AsyncConnection, Depends(unit_of_work, scope="function")]
