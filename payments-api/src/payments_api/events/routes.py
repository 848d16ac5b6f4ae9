"""The HTTP of events. Must not skip one: readers go on from the cursor of what they have seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from payments_schema.events import store
from payments_schema.wire.events import EventPage
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.auth import STAFF
from payments_api.http.door import Door, roles
from payments_api.http.text import AbsentWhenEmpty, Moment, SearchText
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/events", route_class=Door, tags=["events"])


class EventFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = Field(
        None, description="Id of the last event seen."
    )
    type: Annotated[SearchText | None, AbsentWhenEmpty] = Field(
        None, description="A topic, or all that begin alike: `invoice.*`."
    )
    subject: Annotated[SearchText | None, AbsentWhenEmpty] = None
    since: Annotated[Moment | None, AbsentWhenEmpty] = Field(None, description="Recorded then or later.")
    until: Annotated[Moment | None, AbsentWhenEmpty] = Field(None, description="Recorded before.")


@router.get("", openapi_extra=roles(STAFF))
async def list_events(conn: UnitOfWork, wanted: Annotated[EventFilter, Query()]) -> EventPage:
    """List what has happened, oldest first; to follow, ask again with the id of the last event as cursor."""
    return await store.list_page(
        conn,
        limit=wanted.limit,
        cursor=wanted.cursor,
        type=wanted.type,
        subject=wanted.subject,
        since=wanted.since,
        until=wanted.until,
    )
