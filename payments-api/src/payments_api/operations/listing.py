"""The query of the operators' list, and the list as a spreadsheet. Must not know SQL."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Annotated

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.operations import store
from payments_schema.wire.model import MajorAmount
from payments_schema.wire.operations import ROWS_MAX, Kind, Order, PaymentLine
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.text import AbsentWhenEmpty, Moment, SearchText

COLUMNS = (
    "id", "kind", "status", "amount", "currency", "party", "description", "created_at", "updated_at",
)  # fmt: skip
ROWS_AT_ONCE = 1000
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class ExportFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[Kind | None, AbsentWhenEmpty] = None
    status: Annotated[SearchText | None, AbsentWhenEmpty] = None
    account: Annotated[SearchText | None, AbsentWhenEmpty] = None
    currency: Annotated[SearchText | None, AbsentWhenEmpty] = None
    amount: Annotated[MajorAmount | None, AbsentWhenEmpty] = Field(None, description="In major units.")
    q: Annotated[SearchText | None, AbsentWhenEmpty] = Field(
        None, description="A whole id, key or telephone number, or a part of account, name or description."
    )
    since: Annotated[Moment | None, AbsentWhenEmpty] = Field(None, description="Made then or later.")
    until: Annotated[Moment | None, AbsentWhenEmpty] = Field(None, description="Made before.")
    order: Order = Order.NEWEST

    def wanted(self, *, limit: int, cursor: str | None) -> store.Wanted:
        """Return the question for the store."""
        return store.Wanted(
            self.kind,
            self.status,
            self.account,
            self.currency,
            self.amount,
            self.q,
            self.since,
            self.until,
            self.order,
            cursor,
            limit,
        )


class LineFilter(ExportFilter):
    """A filter and one page of what passes it."""

    limit: int = Field(50, ge=1, le=ROWS_MAX)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None


async def as_csv(pool: Pool, wanted: ExportFilter) -> AsyncIterator[str]:
    """Everything that passes, page by page: no snapshot is held open while a slow reader reads."""
    yield _written([COLUMNS])
    cursor: str | None = None
    while True:
        async with unit_of_work(pool) as conn:
            page = await store.list_page(conn, wanted.wanted(limit=ROWS_AT_ONCE, cursor=cursor))
        yield _written(_row(line) for line in page.data)
        cursor = page.next_cursor
        if cursor is None:
            return


def _row(line: PaymentLine) -> list[str]:
    members = line.model_dump(mode="json")
    # An amount is a number of ours and may begin with a minus; every other cell is somebody's text.
    return [
        str(members[name] or "") if name == "amount" else harmless(str(members[name] or ""))
        for name in COLUMNS
    ]


def harmless(cell: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_STARTS_FORMULA) else cell


def _written(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
