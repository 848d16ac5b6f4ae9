"""The HTTP of the queue. Must not claim or run a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from payments_schema import ids
from payments_schema.errors import JobNotFound
from payments_schema.jobs import store
from payments_schema.wire.jobs import Job, JobPage, JobStatus
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.auth import OPERATORS, STAFF
from payments_api.http.door import Door, roles
from payments_api.http.text import AbsentWhenEmpty, SearchText
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/jobs", route_class=Door, tags=["jobs"])


class JobFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    status: Annotated[JobStatus | None, AbsentWhenEmpty] = Field(
        None, description="`dead` are the dead letters."
    )
    queue: Annotated[SearchText | None, AbsentWhenEmpty] = None


@router.get("", openapi_extra=roles(STAFF))
async def list_jobs(conn: UnitOfWork, wanted: Annotated[JobFilter, Query()]) -> JobPage:
    """List the messages of the queue, newest first."""
    return await store.list_page(
        conn, limit=wanted.limit, cursor=wanted.cursor, status=wanted.status, queue=wanted.queue
    )


@router.post("/{job_id}/retry", openapi_extra=roles(OPERATORS))
async def retry_job(conn: UnitOfWork, job_id: str) -> Job:
    """Give a dead job another chance: its attempts are counted anew."""
    found = ids.parse_uuid(job_id)
    if found is None:
        raise JobNotFound
    return await store.retry(conn, found)


@router.post("/{job_id}/discard", openapi_extra=roles(OPERATORS))
async def discard_job(conn: UnitOfWork, job_id: str) -> Job:
    """Take a dead job out of the queue for good; answers with the job as it was."""
    found = ids.parse_uuid(job_id)
    if found is None:
        raise JobNotFound
    return await store.discard(conn, found)
