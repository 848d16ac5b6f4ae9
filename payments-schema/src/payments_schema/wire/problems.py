"""Problem documents (RFC 9457) as every error answer carries them. Must never echo a client's value."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FailingField(BaseModel):
    """A field that was refused and why."""

    field: str = Field(examples=["amount"])
    reason: str


class Problem(BaseModel):
    """An error: `code` is stable, `error` is the sentence for simple clients."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    error: str
    instance: str | None = None
    fields: list[FailingField] | None = None
