"""Turns away, before anything is read, a body beyond 1 MiB and a Host that a rebound name would bring.

Must not parse a body or know a route.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payments_api.http import problems
from payments_api.http.limits import LARGEST_BODY_BYTES, BodyTooLarge
from payments_api.http.problems import Problem


def host_name(header: bytes) -> str:
    """Return the name in a Host header, without its port and brackets."""
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if ":" in text else text


class Guard:
    """allowed_hosts: names taken in a Host header; empty means every name."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length: bytes | None = None
        host = b""
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"host":
                host = value
        refused = self._refusal(length, host)
        if refused is not None:
            answer = problems.answer(refused.status_code, refused.code, refused.detail, None, refused.headers)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive if length is not None else _counted(receive), send)

    def _refusal(self, length: bytes | None, host: bytes) -> Problem | None:
        if length is not None and (not length.isdigit() or int(length[:12]) > LARGEST_BODY_BYTES):
            return BodyTooLarge()
        if self._hosts and host_name(host) not in self._hosts:
            return Problem(421, "unknown_host", "No such Host is served here; see ALLOWED_HOSTS.")
        return None


def _counted(receive: Receive) -> Receive:
    """Without a Content-Length the body is counted as it comes; with one, uvicorn holds it to that."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > LARGEST_BODY_BYTES:
                raise BodyTooLarge
        return message

    return counting
