"""HTTP/1.1 as far as a local API over a Unix socket needs it: one request per connection, JSON both ways.

It must not know any route.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY = 16 * 1024 * 1024
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 409: "Conflict", 413: "Content Too Large"}


class Request(NamedTuple):
    """One request; `body` is the decoded JSON object, empty where there is none."""

    method: str
    path: str
    query: Mapping[str, str]
    body: dict[str, Any]


class BadRequest(Exception):
    """The request cannot be answered; `status` says why."""

    def __init__(self, status: int, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, **details}


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, None where the client left."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest(413, "the request's head is too large") from None
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3:
        raise BadRequest(400, "not an HTTP request")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise BadRequest(413, "the body is too large")
    data = await reader.readexactly(int(length)) if int(length) else b""
    try:
        body: object = json.loads(data) if data else {}
    except ValueError:
        raise BadRequest(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest(400, "the body is not a JSON object")
    target = urlsplit(parts[1])
    return Request(parts[0], target.path, dict(parse_qsl(target.query)), cast("dict[str, Any]", body))


def write_json(writer: asyncio.StreamWriter, status: int, value: object) -> None:
    """One whole JSON response."""
    data = json.dumps(value).encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + data)


class Stream:
    """A response of JSON lines, sent as they happen; `is_open` turns false when the client leaves."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.is_open = True
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n"
            b"Cache-Control: no-store\r\n\r\n"
        )

    def send(self, value: object) -> None:
        """One line; a client that does not read is dropped rather than waited for."""
        if self._writer.is_closing():
            self.is_open = False
            return
        self._writer.write(json.dumps(value).encode() + b"\n")
        if self._writer.transport.get_write_buffer_size() > MAX_BODY:
            self.is_open = False
            self._writer.close()
