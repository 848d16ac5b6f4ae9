"""Serves the OpenAPI document and three readers of it from this package alone, without the internet.

Must not load a script, a font or a style from another host; the pages' own policy forbids it to the browser.
"""

from __future__ import annotations

import gzip
from importlib import resources
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from payments_schema.events import pages
from payments_schema.wire.payments import CreateBatchItem
from payments_schema.wire.problems import Problem as ProblemModel
from starlette.exceptions import HTTPException

from payments_api.http.problems import MEDIA_TYPE

router = APIRouter(include_in_schema=False)
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "scalar.standalone.js": "text/javascript",
}
_ICON = "data:,"
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'self'"
)
_SCALAR = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Payments API</title><link rel="icon" href="data:,"></head>
<body>
<div id="app"></div>
<script src="/docs/assets/scalar.standalone.js"></script>
<script>Scalar.createApiReference('#app', {url: '/openapi.json', withDefaultFonts: false,
  telemetry: false, hideClientButton: true, showDeveloperTools: 'never',
  agent: {disabled: true}, mcp: {disabled: true}})</script>
</body>
</html>
"""


def _page(content: bytes | str) -> HTMLResponse:
    return HTMLResponse(content, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs")
async def show_swagger() -> Response:
    """Try requests in Swagger UI."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Payments API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url=_ICON,
        oauth2_redirect_url="/docs/oauth2-redirect",
    )
    return _page(bytes(page.body))


@router.get("/docs/oauth2-redirect")
async def show_redirect() -> Response:
    """Where Swagger UI returns to after a login elsewhere."""
    return _page(bytes(get_swagger_ui_oauth2_redirect_html().body))


@router.get("/redoc")
async def show_redoc() -> Response:
    """Read the document in ReDoc."""
    page = get_redoc_html(
        openapi_url="/openapi.json",
        title="Payments API",
        redoc_js_url="/docs/assets/redoc.standalone.js",
        redoc_favicon_url=_ICON,
        with_google_fonts=False,
    )
    return _page(bytes(page.body))


@router.get("/scalar")
async def show_scalar() -> Response:
    """Read the document in Scalar."""
    return _page(_SCALAR)


@router.get("/docs/assets/{name}")
async def show_asset(request: Request, name: str) -> Response:
    """Serve a script or style as it was packed; only browsers without gzip get it unpacked."""
    media_type = _ASSETS.get(name)
    if media_type is None:
        raise HTTPException(404, "Not found")
    packed = (resources.files("payments_api") / "static" / f"{name}.gz").read_bytes()
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(packed, headers=headers, media_type=media_type)
    return Response(gzip.decompress(packed), headers={"Vary": "Accept-Encoding"}, media_type=media_type)


@router.get("/openapi.json")
async def show_openapi(request: Request) -> dict[str, Any]:
    """Give the document itself."""
    return request.app.openapi()


_EVERYWHERE = {
    "401": "No valid token (only with AUTH_MODE=jwt).",
    "403": "The token's roles do not permit this (only with AUTH_MODE=jwt).",
    "429": "Too many requests; `Retry-After` says how long to wait.",
    "500": "A fault of ours.",
    "503": "Overloaded or without its database; `Retry-After` says when to try again.",
}
_BODY = {
    "400": "A required field or the Idempotency-Key is missing or empty.",
    "409": "The key is in flight, or the state forbids it now.",
    "413": "The body is larger than 1 MiB.",
    "422": "The request cannot be carried out as written; `fields` or `differs` says why.",
}
_EMPTY = {"type": "string", "maxLength": 0}
_NAMED = {"404": "No such thing, or no id at all."}
_HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "Yours where it was well formed, else ours.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left (draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "The limit in force, where there is one.",
        "schema": {"type": "string"},
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Make the OpenAPI document once: FastAPI's, with our problems in the place of its validation errors."""
    if app.openapi_schema:
        return app.openapi_schema
    document: dict[str, Any] = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components: dict[str, Any] = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemModel.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    # Items are read one by one, so FastAPI has not met their model.
    schemas["CreateBatchItem"] = CreateBatchItem.model_json_schema()
    item = {"$ref": "#/components/schemas/CreateBatchItem"}
    schemas["BatchRequest"]["properties"]["payments"]["items"] = item
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    document["webhooks"], told = pages.openapi_webhooks()
    for name, schema in told.items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two schemas are called {name}")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _describe_operation(path, method, operation)
    app.openapi_schema = document
    return document


def _describe_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    expected = dict(_EVERYWHERE) if "security" in operation else {"500": _EVERYWHERE["500"]}
    if "/webhooks/" in path:
        expected |= {"401": "Not signed by whom it says it comes from.", "503": _EVERYWHERE["503"]}
    for parameter in operation.get("parameters", ()):
        _describe_absence(parameter["schema"])
    if "422" in operation["responses"]:
        expected["422"] = _BODY["422"]
        if not operation.get("parameters") and "requestBody" not in operation:
            del operation["responses"]["422"]
    if method in {"post", "put", "patch"}:
        expected |= _BODY
    if "{" in path:
        expected |= _NAMED
    for status, description in expected.items():
        present = operation["responses"].get(status)
        if present is None or status == "422":
            operation["responses"][status] = _problem_answer(status, description)
    for answer in operation["responses"].values():
        answer.setdefault("headers", {}).update(_HEADERS)
    if method == "post" and path == "/payments":
        for status in ("200", "201"):
            operation["responses"][status]["headers"]["Idempotent-Replayed"] = {
                "description": '"true" where the answer is that of an earlier, equal request.',
                "schema": {"type": "string"},
            }


def _describe_absence(schema: dict[str, Any]) -> None:
    """A query knows no null: what may be absent may also come empty."""
    choices: list[dict[str, Any]] = schema.get("anyOf", [])
    if choices:
        schema["anyOf"] = [_EMPTY if choice == {"type": "null"} else choice for choice in choices]


def _problem_answer(status: str, description: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in ("409", "429", "503"):
        answer["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        }
    return answer
