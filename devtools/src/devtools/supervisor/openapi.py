"""The OpenAPI document of the supervisor's API.

It must list exactly the routes of `server.py`; a test compares them.
"""

from __future__ import annotations

from typing import Any

_STREAM = "JSON lines: `{node}` at every change, `{result}` at the end."


def _route(summary: str, *, stream: bool = False, query: tuple[str, ...] = ()) -> dict[str, Any]:
    kind = "application/x-ndjson" if stream else "application/json"
    route: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": {
                "description": _STREAM if stream else "The answer.",
                "content": {kind: {"schema": {"type": "object"}}},
            }
        },
    }
    if query:
        route["parameters"] = [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in query
        ]
    return route


def _post(summary: str, *keys: str, stream: bool = True) -> dict[str, Any]:
    route = _route(summary, stream=stream)
    if keys:
        properties: dict[str, dict[str, str]] = {key: {} for key in keys}
        schema = {"type": "object", "properties": properties}
        route["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return {"post": route}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "devtools supervisor", "version": "1"},
    "paths": {
        "/v1/status": {"get": _route("Every service and task, with ports, processor and memory.")},
        "/v1/events": {"get": _route("Every node, then every change.", stream=True, query=("tether",))},
        "/v1/wait": {"get": _route("Wait until nodes are ready.", query=("ids", "timeout"))},
        "/v1/plan": _post("Take a plan without starting anything.", "plan", stream=False),
        "/v1/up": _post("Take a plan and start the roots and what they depend on.", "plan", "roots"),
        "/v1/start": _post("Start nodes.", "plan", "ids", "rerun"),
        "/v1/stop": _post("Stop nodes.", "plan", "ids", "grace_s"),
        "/v1/restart": _post("Stop and start nodes.", "plan", "ids"),
        "/v1/down": _post("Stop everything and end the supervisor.", "grace_s"),
        "/v1/kill": _post("SIGKILL to everything that runs.", stream=False),
        "/openapi.json": {"get": _route("This document.")},
    },
}
