"""Turns every refusal into one RFC 9457 answer with a stable `code` and a sentence under `error`.

Must not let a client's value, a traceback, SQL or a path of the server into an answer or a log line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from payments_schema.errors import Overloaded, PaymentsError
from psycopg import errors as postgres
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException

from payments_api.logs import describe_exception, log

MEDIA_TYPE = "application/problem+json"
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]{0,63}\Z")
# What a lost, full, restarting or overloaded Postgres looks like from here; each is 503, never 500.
DATABASE_AWAY: tuple[type[Exception], ...] = (
    PoolTimeout,
    TooManyRequests,
    postgres.OperationalError,
    postgres.InterfaceError,
    postgres.ReadOnlySqlTransaction,
    TimeoutError,
    ConnectionError,
)
# A database that was not migrated yet, or by an older version: also something that time or an operator mends.
NOT_MIGRATED: tuple[type[Exception], ...] = (
    postgres.UndefinedTable,
    postgres.UndefinedFunction,
    postgres.UndefinedColumn,
    postgres.InvalidSchemaName,
    postgres.InsufficientPrivilege,
)

DATABASE_UNUSABLE: tuple[type[Exception], ...] = (*DATABASE_AWAY, *NOT_MIGRATED, PaymentsError)


class Problem(HTTPException):
    """A refusal made at the HTTP edge; `extra` members stand beside the standard ones."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code = code
        self.extra = extra


def body(status: int, code: str, detail: str, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the members of a problem; `error` repeats `detail` for clients that read one key."""
    return {
        "type": f"urn:payments:problem:{code}",
        "title": _title(status),
        "status": status,
        "detail": detail,
        "code": code,
        "error": detail,
        **(extra or {}),
    }


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def answer(
    status: int,
    code: str,
    detail: str,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the whole answer."""
    content = json.dumps(body(status, code, detail, extra), ensure_ascii=False, default=str)
    return Response(content.encode("utf-8", "replace"), status, dict(headers or {}), MEDIA_TYPE)


def of_error(error: PaymentsError) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the problem members and headers of a business error."""
    headers: dict[str, str] = {}
    retry_after = getattr(error, "retry_after_s", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, round(retry_after)))
    return body(error.status, error.code, error.detail, error.extra), headers


def field_name(location: Sequence[str | int]) -> str:
    """Name a field without repeating a name that a stranger made up of digits or symbols."""
    parts = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    safe = [
        part if _PLAIN_NAME.match(part) or (part.isdigit() and len(part) < 5) else "(unknown)"
        for part in parts
    ]
    return ".".join(safe) or "body"


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Shorten pydantic's errors to field, reason and type; the rejected input stays out."""
    return [
        {
            "field": _money_field(error) or field_name(cast(Sequence[str | int], error["loc"])),
            "reason": str(error["msg"]).removeprefix("Value error, "),
            "type": str(error["type"]),
        }
        for error in errors
    ]


def _money_field(error: Mapping[str, Any]) -> str | None:
    """An amount is judged together with its currency, so pydantic places the error at the whole body."""
    if error["type"] != "money":
        return None
    code = cast(Mapping[str, Any], error.get("ctx") or {}).get("code")
    return "currency" if code == "unknown_currency" else "amount"


def malformed(
    errors: Sequence[Mapping[str, Any]], status: int = 422
) -> tuple[dict[str, Any], dict[str, str]]:
    """Build the answer to a body, query or header that does not fit its model."""
    fields = field_errors(errors)
    named = ", ".join(sorted({error["field"] for error in fields}))
    detail = f"The request is malformed: {named}." if status == 422 else f"Missing or empty: {named}."
    code = "malformed_request" if status == 422 else "missing_field"
    return body(status, code, detail, {"fields": fields}), {}


def is_absent(error: Mapping[str, Any]) -> bool:
    """Say whether pydantic's error means that the field is missing, null or empty."""
    return error["type"] == "missing" or error.get("input", 0) is None or error.get("input", 0) == ""


def _render(members: dict[str, Any], headers: Mapping[str, str]) -> Response:
    content = json.dumps(members, ensure_ascii=False, default=str)
    return Response(content.encode("utf-8", "replace"), members["status"], dict(headers), MEDIA_TYPE)


async def _on_payments_error(_request: Request, error: Exception) -> Response:
    return _render(*of_error(cast(PaymentsError, error)))


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    refused = cast(HTTPException, error)
    if isinstance(refused, Problem):
        return answer(refused.status_code, refused.code, refused.detail, refused.extra, refused.headers)
    code = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}.get(
        refused.status_code, "refused"
    )
    return answer(refused.status_code, code, str(refused.detail), None, refused.headers)


async def _on_malformed(request: Request, error: Exception) -> Response:
    errors = cast(RequestValidationError, error).errors()
    strict: frozenset[str] = getattr(request.scope.get("endpoint"), "answers_400_without", frozenset())
    absent = [e for e in errors if is_absent(e) and (len(e["loc"]) == 1 or e["loc"][1] in strict)]
    return _render(*malformed(absent, 400)) if strict and absent else _render(*malformed(errors))


async def _on_database_away(_request: Request, error: Exception) -> Response:
    log.warning("database unavailable", **describe_exception(error))
    return answer(503, "unavailable", "The database is not reachable right now.", None, {"Retry-After": "1"})


async def _on_not_migrated(_request: Request, error: Exception) -> Response:
    log.error("database not migrated", **describe_exception(error))
    return _render(*of_error(Overloaded("The database has not the schema of this version.")))


async def _on_surprise(_request: Request, error: Exception) -> Response:
    log.error("unexpected error", **describe_exception(error))
    return answer(500, "internal_error", "Something went wrong on our side.")


def install(app: FastAPI) -> None:
    """Make `app` answer every refusal as a problem."""
    app.add_exception_handler(PaymentsError, _on_payments_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_malformed)
    for away in DATABASE_AWAY:
        app.add_exception_handler(away, _on_database_away)
    for missing in NOT_MIGRATED:
        app.add_exception_handler(missing, _on_not_migrated)
    app.add_exception_handler(Exception, _on_surprise)
