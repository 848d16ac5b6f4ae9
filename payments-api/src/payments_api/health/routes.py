"""The HTTP of health. Liveness must not touch the database: a restart does not repair Postgres."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request, Response
from payments_schema.wire.health import ComponentHealth, DetailedHealth, Health
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from payments_api.health import metrics, operations
from payments_api.http.auth import STAFF
from payments_api.http.door import Door, roles

router = APIRouter(route_class=Door, tags=["health"])
_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"model": DetailedHealth, "description": "Not ready; `components` says why."}
}


@router.get("/health")
@router.get("/api/v1/health")
@router.get("/api/v1/health/live")
async def show_health() -> Health:
    """Say that the process serves."""
    return Health()


@router.get("/api/v1/health/ready", responses=_NOT_READY)
async def show_readiness(request: Request, response: Response) -> DetailedHealth:
    """Say whether requests can be served: 503 while Postgres is away or not migrated."""
    health = await _examine(request, ("database", "schema"))
    response.status_code = 503 if health.status == "unavailable" else 200
    return health


@router.get("/api/v1/health/detailed", openapi_extra=roles(STAFF))
async def show_details(request: Request) -> DetailedHealth:
    """Show every part; always 200, the parts say how they are."""
    return await _examine(request, ("database", "schema", "queue"))


async def _examine(request: Request, names: tuple[str, ...]) -> DetailedHealth:
    pool = request.app.state.pool
    examined = await asyncio.gather(*(_EXAMINERS[name](pool) for name in names))
    components: dict[str, ComponentHealth] = dict(zip(names, examined, strict=True))
    return DetailedHealth(status=_worst(components), version=version("payments-api"), components=components)


_EXAMINERS = {"database": operations.database, "schema": operations.schema, "queue": operations.queue}


def _worst(components: dict[str, ComponentHealth]) -> str:
    found = {component.status for component in components.values()}
    return next((status for status in ("unavailable", "degraded") if status in found), "ok")


@router.get("/metrics", response_class=Response, openapi_extra=roles(STAFF))
async def show_metrics(request: Request) -> Response:
    """Answer Prometheus in its text format."""
    await metrics.refresh(request.app.state.gauges, request.app.state.pool)
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
