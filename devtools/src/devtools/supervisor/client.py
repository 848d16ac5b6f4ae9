"""Speaks to the supervisor: one request per connection, answers as JSON or as a stream of JSON lines.

It must never hang where nobody answers: no supervisor is an ordinary answer (`None`).
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from devtools.errors import Blocked, DevtoolsError, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.workspace import Workspace

CONNECT_TIMEOUT_S = 5.0
LOST_HINT = "`devtools up` adopts what still runs; its words are in .devtools/logs/supervisor.log"


class Lost(DevtoolsError):
    """The supervisor went away before it had answered."""

    def __init__(self) -> None:
        super().__init__("the supervisor ended in the middle of this", hint=LOST_HINT)


class Client:
    """The way to one instance's supervisor."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = str(workspace.socket_file)

    def is_there(self) -> bool:
        """True where a supervisor answers."""
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    def get(self, path: str, *, timeout_s: float = 30.0, **query: str) -> dict[str, Any] | None:
        """The answer to a GET; None where there is no supervisor."""
        try:
            return self._whole("GET", path + (f"?{urlencode(query)}" if query else ""), None, timeout_s)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def post(self, path: str, body: dict[str, Any], *, timeout_s: float = 30.0) -> dict[str, Any] | None:
        """The answer to a POST; None where there is no supervisor."""
        try:
            return self._whole("POST", path, body, timeout_s)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def stream(self, path: str, body: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The JSON lines of an answer as they come; without a body a GET. Raises where it breaks off."""
        try:
            connection = self._ask("GET" if body is None else "POST", path, body, None)
        except (FileNotFoundError, ConnectionError):  # it was there a moment ago
            raise Lost from None
        with connection, connection.makefile("rb") as reader:
            try:
                status = _head(reader)
                if status != 200:
                    _raise(status, reader.read())
                for line in reader:
                    yield json.loads(line)
            except ConnectionError:
                raise Lost from None

    def _whole(self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float) -> dict[str, Any]:
        connection = self._ask(method, path, body, timeout_s)
        with connection, connection.makefile("rb") as reader:
            try:
                status = _head(reader)
                data = reader.read()
            except TimeoutError:
                raise DevtoolsError(f"the supervisor did not answer within {timeout_s:g} s") from None
            if status != 200:
                _raise(status, data)
            return json.loads(data)

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float | None
    ) -> socket.socket:
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: supervisor\r\nContent-Length: {len(data)}\r\n\r\n"
        connection = self._connect()
        connection.settimeout(timeout_s)
        try:
            connection.sendall(head.encode() + data)
        except BrokenPipeError:
            connection.close()
            raise ConnectionRefusedError from None
        return connection

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CONNECT_TIMEOUT_S)
        try:
            connection.connect(self.path)
        except BaseException:
            connection.close()
            raise
        return connection


def _head(reader: Any) -> int:  # noqa: ANN401 (a buffered socket reader)
    first = reader.readline()
    if not first:
        raise Lost
    while reader.readline() not in (b"\r\n", b""):
        pass
    return int(first.split()[1])


def _raise(status: int, data: bytes) -> None:
    body = json.loads(data)
    message = body.get("error", "the supervisor refused")
    if status == 409:
        raise Blocked(message, hint="wait for it to end, then try again")
    if status == 404 and body.get("known"):
        from devtools.manifest.shape import did_you_mean

        hint = did_you_mean(message.split("`")[1], body["known"]) or f"known: {', '.join(body['known'])}"
        raise WrongUse(message, hint=hint)
    raise DevtoolsError(message)
