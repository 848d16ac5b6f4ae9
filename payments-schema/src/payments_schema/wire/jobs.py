"""Jobs on the wire: messages of the queue as operators see them. Must not expose how they are claimed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from payments_schema.wire.model import Timestamp, WireModel


class JobStatus(StrEnum):
    """Where a message is: waiting its turn or its time, being worked on, finished, or given up."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class ReconJobStatus(StrEnum):
    """Where a reconciliation job is; failed is a job that was given up, not a verdict."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class Job(WireModel):
    """A message of the queue: what it asks for and what has happened to it."""

    id: UUID
    queue: str
    actor: str
    args: list[Any]
    status: JobStatus
    priority: int
    due_at: Timestamp
    updated_at: Timestamp
    claims: int
    crashes: int
    retries: int
    error: str | None
    history: list[dict[str, Any]]


class JobPage(WireModel):
    """A page of jobs, newest first; `next_cursor` leads to the next one."""

    object: str = "list"
    data: list[Job]
    has_more: bool
    next_cursor: str | None
