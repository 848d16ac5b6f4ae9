"""Health on the wire. Must not find out by itself how anybody is."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from payments_schema.wire.model import WireModel


class Health(WireModel):
    """The shortest answer: `{"status": "ok"}`."""

    status: str = "ok"


class ComponentHealth(WireModel):
    """How one part is; `detail` says why it is not ok."""

    status: str
    detail: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)


class DetailedHealth(WireModel):
    """All parts by name."""

    status: str
    version: str
    components: dict[str, ComponentHealth]
