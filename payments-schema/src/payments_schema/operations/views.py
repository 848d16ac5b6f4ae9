"""SQL of the views that operators keep under a name. Must not decide who may; one statement a function."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from payments_schema.errors import NotFound, PaymentsError
from payments_schema.wire.views import MOST_VIEWS, ChangeView, SavedView, SaveView

Connection = AsyncConnection[TupleRow]
MOST_LISTED = 250
"""One's own are `MOST_VIEWS` at most; the rest of a list is what others share."""


class ViewNotFound(NotFound):
    """No such view, or somebody else's: the two look alike."""

    def __init__(self) -> None:
        super().__init__("You keep no such view")


class TooManyViews(PaymentsError):
    """Whoever keeps so many deletes one first."""

    code = "too_many_views"
    status = 409

    def __init__(self) -> None:
        super().__init__(f"You keep {MOST_VIEWS} views already: delete one first")


class ViewNameTaken(PaymentsError):
    """Another view of the same person has that name."""

    code = "view_name_taken"
    status = 409

    def __init__(self) -> None:
        super().__init__("Another view of yours has that name")


async def list_visible(conn: Connection, reader: str) -> list[SavedView]:
    """The reader's own views by name, then what others share."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            SELECT * FROM core.saved_view WHERE owner = %(reader)s OR is_shared
            ORDER BY owner <> %(reader)s, folded_name, id LIMIT %(limit)s
            """,
            {"reader": reader, "limit": MOST_LISTED},
        )
        return [_view(row, reader) for row in await cursor.fetchall()]


async def lock_owner(conn: Connection, owner: str) -> None:
    """Let nobody else save for this owner meanwhile, so that counting and adding are one."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('saved view of ' || %s, 0))", [owner])


async def require_room(conn: Connection, owner: str, name: str) -> None:
    """Raise TooManyViews where one more would be too many; replacing is never one more."""
    cursor = await conn.execute(
        "SELECT count(*) FROM core.saved_view WHERE owner = %s AND folded_name <> %s",
        [owner, name.casefold()],
    )
    row = await cursor.fetchone()
    if row is not None and row[0] >= MOST_VIEWS:
        raise TooManyViews


async def save(conn: Connection, owner: str, view: SaveView) -> SavedView:
    """Keep a view under its name, in the place of the owner's other one of that name."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            INSERT INTO core.saved_view AS kept (owner, name, folded_name, filters, is_shared)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (owner, folded_name) DO UPDATE
            SET name = excluded.name, filters = excluded.filters, is_shared = excluded.is_shared,
                changed_at = now()
            RETURNING *
            """,
            [owner, view.name, view.name.casefold(), _json(view), view.is_shared],
        )
        return _found(await cursor.fetchone(), owner)


async def change(conn: Connection, owner: str, number: int, wanted: ChangeView) -> SavedView:
    """Rename or share one's own view. Raises ViewNotFound, ViewNameTaken."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        try:
            await cursor.execute(
                """
                UPDATE core.saved_view SET
                    name = coalesce(%(name)s, name),
                    folded_name = coalesce(%(folded)s, folded_name),
                    is_shared = coalesce(%(shared)s, is_shared),
                    changed_at = now()
                WHERE id = %(id)s AND owner = %(owner)s
                RETURNING *
                """,
                {
                    "id": number,
                    "owner": owner,
                    "name": wanted.name,
                    "folded": wanted.name.casefold() if wanted.name is not None else None,
                    "shared": wanted.is_shared,
                },
            )
        except UniqueViolation:
            raise ViewNameTaken from None
        return _found(await cursor.fetchone(), owner)


async def delete(conn: Connection, owner: str, number: int, *, may_clear: bool) -> None:
    """Forget one's own view, or a shared one of anybody's where `may_clear`. Raises ViewNotFound."""
    cursor = await conn.execute(
        "DELETE FROM core.saved_view WHERE id = %s AND (owner = %s OR (is_shared AND %s))",
        [number, owner, may_clear],
    )
    if not cursor.rowcount:
        raise ViewNotFound


def _json(view: SaveView) -> Jsonb:
    return Jsonb(view.filters.model_dump(mode="json", exclude_none=True))


def _found(row: dict[str, Any] | None, reader: str) -> SavedView:
    if row is None:
        raise ViewNotFound
    return _view(row, reader)


def _view(row: dict[str, Any], reader: str) -> SavedView:
    members = {name: value for name, value in row.items() if name != "folded_name"}
    return SavedView(is_own=row["owner"] == reader, **members)
