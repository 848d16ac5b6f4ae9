"""A receiver of signed webhooks in nothing but the standard library: verify, remember, answer, then work.

    WEBHOOK_SECRET=whsec_… python docs/examples/webhook_receiver.py 8000

Must not act on a body before its signature was checked, and must not let an event count twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

OLDEST_S = 5 * 60
LARGEST_BYTES = 1_000_000


class Refused(Exception):
    """Not from whom it says it is, or not from now."""


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the message's id. Raises Refused.

    The bytes are signed as they came: a body that was parsed and written anew has another signature.
    """
    try:
        id_, stamp, given = (headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        age_s = time.time() - int(stamp)
    except (KeyError, TypeError, ValueError):
        raise Refused("a header is missing or malformed") from None
    if abs(age_s) > OLDEST_S:
        raise Refused("the message is too old, or from the future")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(digest).decode()}".encode()
    # Several signatures: one for each secret in force while secrets are rotated.
    if not any(hmac.compare_digest(wanted, one.encode()) for one in given.split(" ")):
        raise Refused("no signature fits")
    return id_


class Inbox:
    """What was taken, each message once. A real one is a table, its id unique."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, object]] = {}
        self._lock = Lock()

    def take(self, id_: str, event: dict[str, object]) -> bool:
        """Keep it; False where it was here before."""
        with self._lock:
            return self.taken.setdefault(id_, event) is event


def make_server(port: int, secret: str, inbox: Inbox) -> ThreadingHTTPServer:
    """A server on loopback that answers 204 to what is signed, new or not, and 401 to all else."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                length = int(self.headers.get("Content-Length", ""))
            except ValueError:
                length = -1
            if not 0 <= length <= LARGEST_BYTES:
                return self._answer(413)
            body = self.rfile.read(length)
            try:
                id_ = verify(secret, {k.lower(): v for k, v in self.headers.items()}, body)
                event = json.loads(body)
            except (Refused, ValueError):
                return self._answer(401)
            if inbox.take(id_, event):
                print(event["type"], event["subject"], flush=True)
            return self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    make_server(int(sys.argv[1]), os.environ["WEBHOOK_SECRET"], Inbox()).serve_forever()
