"""Gives every request an id, a trace, a duration and one log line, and keeps surprises from the client.

Must not look into a body, and names a route by its template, never by the path that was asked for.
"""

from __future__ import annotations

import re
import secrets
from time import perf_counter
from typing import Any, cast

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payments_api.http import problems
from payments_api.logs import describe_exception, log

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_ALWAYS: list[tuple[bytes, bytes]] = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]
_QUIET = {"/health", "/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready", "/metrics"}
# `state` of a request's scope: what this module and the door leave there for others.
TRACEPARENT, RESPONSE_HEADERS, REQUEST_ID = "traceparent", "response_headers", "request_id"


def _identify(scope: Scope) -> tuple[bytes, bytes | None]:
    """Take over the caller's request id and trace where they are well formed; a forged line cannot be."""
    request_id: bytes | None = None
    traceparent: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            request_id = value
        elif name == b"traceparent" and _TRACEPARENT.match(value):
            traceparent = value
    return request_id or secrets.token_hex(8).encode(), traceparent


class Observation:
    """The outermost layer of ours around the application."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._durations = Histogram(
            "http_server_request_duration_seconds",
            "Time from the request's head to the end of its answer.",
            ["method", "route", "status"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._children: dict[tuple[str, str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id, traceparent = _identify(scope)
        state = cast(dict[str, Any], scope.setdefault("state", {}))
        state[REQUEST_ID] = request_id
        if traceparent:
            state[TRACEPARENT] = traceparent.decode()
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers: list[tuple[bytes, bytes]] = message["headers"]
                headers += _ALWAYS
                headers.append((b"x-request-id", request_id))
                if RESPONSE_HEADERS in state:
                    headers += state[RESPONSE_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception as surprise:  # the edge: a stranger gets a problem, the log gets the places
            log.error("unexpected error", request_id=request_id.decode(), **describe_exception(surprise))
            if not status:
                answer = problems.answer(500, "internal_error", "Something went wrong on our side.")
                await answer(scope, receive, observed)
        finally:
            self._record(scope, status or 499, perf_counter() - started, request_id)

    def _record(self, scope: Scope, status: int, seconds: float, request_id: bytes) -> None:
        route = cast(str, getattr(scope.get("route"), "path", "(none)"))
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._durations.labels(method, route, str(status))
        child.observe(seconds)
        if route in _QUIET and status < 500:
            return
        write = log.warning if status >= 500 else log.info
        write(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            request_id=request_id.decode(),
        )


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
