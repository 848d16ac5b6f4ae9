"""An event on its way out: subscribed to, signed, in order, written down, sent again, and forgotten.

Must not leave a subscription behind, also where a step fails, nor ask the platform whether a signature is
right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, cast
from uuid import uuid4

from devtools.validation.model import Evidence, Step, StepFailed
from devtools.validation.scenarios import WORKER, Registration
from devtools.validation.world import World, eventually

SUBSCRIPTIONS = "/api/v1/webhooks/subscriptions"
INVOICES = "/api/v1/invoices"
WITHIN_S = 20.0
CLOCKS_APART_S = 300
LARGEST_BYTES = 1_000_000


class Heard(NamedTuple):
    """One request as it came."""

    headers: Mapping[str, str]
    body: bytes

    def member(self, name: str) -> object:
        """One member of the body; None where it has none."""
        try:
            parsed: object = json.loads(self.body)
        except ValueError:
            return None
        return cast("dict[str, object]", parsed).get(name) if isinstance(parsed, dict) else None


class Receiver:
    """Listens on loopback while it is open, answers 204, and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", 0)), LARGEST_BYTES)
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.heard.append(Heard(headers, self.rfile.read(length)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def about(self, subject: str) -> list[Heard]:
        """What was heard about one subject, in the order in which it came."""
        return [one for one in list(self.heard) if one.member("subject") == subject]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def is_signed(heard: Heard, secret: str) -> bool:
    """Whether a Standard Webhooks signature among those given is the one that the secret makes."""
    id_, stamp = heard.headers.get("webhook-id", ""), heard.headers.get("webhook-timestamp", "")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = hmac.new(key, f"{id_}.{stamp}.".encode() + heard.body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(made).decode()
    given = heard.headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given)


class OutgoingScenario:
    """The receiver stands on loopback, which the worker must be allowed to talk to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._receiver: Receiver | None = None
        self._path = ""
        self._secret = ""
        self._invoice = ""

    def steps(self) -> Sequence[Step]:
        """Subscribed, heard, verified, in order, logged, replayed, and forgotten again."""
        named: list[tuple[str, str, Callable[[], Evidence]]] = [
            ("outgoing-subscribed", "Subscribed", self._subscribe),
            ("outgoing-delivered", "Event delivered", self._hear),
            ("outgoing-signed", "Signature", self._verify),
            ("outgoing-ordered", "Order of a subject", self._hear_the_second),
            ("outgoing-logged", "Attempts written down", self._look_at_the_log),
            ("outgoing-replayed", "Sent again", self._replay),
            ("outgoing-forgotten", "Unsubscribed", self._forget),
        ]
        return [Step(id_, name, self._tidily(run)) for id_, name, run in named]

    def _tidily(self, run: Callable[[], Evidence]) -> Callable[[], Evidence]:
        def step() -> Evidence:
            try:
                return run()
            except BaseException:
                self._clean_up()
                raise

        return step

    def _clean_up(self) -> None:
        if self._path:
            path, self._path = self._path, ""
            self._world.delete(path)
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None

    @property
    def _heard(self) -> list[Heard]:
        return [] if self._receiver is None else self._receiver.about(self._invoice)

    def _subscribe(self) -> Evidence:
        self._receiver = Receiver()
        wanted = {"url": self._receiver.url, "types": ["invoice.*"], "description": "devtools validate"}
        answer = self._world.post(SUBSCRIPTIONS, wanted, {})
        if answer.status != 201:
            raise StepFailed("201", str(answer), service="api")
        self._path = f"{SUBSCRIPTIONS}/{answer.body['id']}"
        self._secret = str(answer.body["secret"])
        return {"subscription": answer.body["id"], "url": self._receiver.url}

    def _hear(self) -> Evidence:
        body = {"total_cents": 100, "customer": "Validation"}
        made = self._world.post(INVOICES, body, {"Idempotency-Key": f"validate-{uuid4()}"})
        if made.status != 201:
            raise StepFailed("201", str(made), service="api")
        self._invoice = str(made.body["id"])
        begun = time.monotonic()
        self._wait_for("invoice.created", 1)
        return {"subject": self._invoice, "after_ms": round((time.monotonic() - begun) * 1000)}

    def _wait_for(self, topic: str, count: int) -> None:
        def look() -> bool | None:
            return sum(one.member("type") == topic for one in self._heard) >= count or None

        if eventually(look, WITHIN_S) is None:
            told = [str(one.member("type")) for one in self._heard]
            raise StepFailed(
                f"{topic} {count}× at the receiver within {WITHIN_S:.0f} s",
                f"{told or 'nothing'}; deliveries: {self._deliveries()}",
                service="worker",
            )

    def _deliveries(self) -> list[object]:
        found = self._world.get(f"{self._path}/deliveries", {"limit": "100"}).body.get("data", [])
        mine = cast("list[dict[str, object]]", found)
        return [one for one in mine if one["subject"] == self._invoice]

    def _verify(self) -> Evidence:
        first = self._heard[0]
        if not is_signed(first, self._secret):
            raise StepFailed("a signature that our secret makes", str(dict(first.headers)), service="worker")
        if is_signed(first._replace(body=first.body + b" "), self._secret):
            raise StepFailed("a signature of this body alone", "one that fits another, too", service="worker")
        apart_s = abs(time.time() - int(first.headers["webhook-timestamp"]))
        if apart_s > CLOCKS_APART_S:
            raise StepFailed(f"a time at most {CLOCKS_APART_S} s off", f"{apart_s:.0f} s", service="worker")
        listed = self._world.get("/api/v1/events", {"subject": self._invoice, "type": "invoice.created"})
        known = [one["id"] for one in cast("list[dict[str, object]]", listed.body.get("data", []))]
        if known != [first.headers["webhook-id"]]:
            raise StepFailed(f"{known} as webhook-id", first.headers["webhook-id"], service="worker")
        return {"webhook-id": known[0], "scheme": "v1, HMAC-SHA256"}

    def _hear_the_second(self) -> Evidence:
        headers = {"Idempotency-Key": f"validate-{uuid4()}"}
        voided = self._world.post(f"{INVOICES}/{self._invoice}/void", {"reason": "validated"}, headers)
        if voided.status != 200:
            raise StepFailed("200", str(voided), service="api")
        self._wait_for("invoice.voided", 1)
        order = [str(one.member("type")) for one in self._heard]
        if order != sorted(order, key=["invoice.created", "invoice.voided"].index):
            raise StepFailed("invoice.created before invoice.voided", str(order), service="worker")
        return {"order": order}

    def _look_at_the_log(self) -> Evidence:
        def look() -> list[object] | None:
            found = self._deliveries()
            states = [cast("dict[str, object]", one)["status"] for one in found]
            return found if states == ["delivered", "delivered"] else None

        found = eventually(look, WITHIN_S)
        if found is None:
            raise StepFailed("two deliveries, delivered", str(self._deliveries()), service="worker")
        attempts = cast("list[dict[str, object]]", cast("dict[str, object]", found[-1])["attempts"])
        return {
            "deliveries": len(found),
            "answer": attempts[-1]["answer"],
            "took_ms": attempts[-1]["took_ms"],
        }

    def _replay(self) -> Evidence:
        oldest = cast("dict[str, object]", self._deliveries()[-1])
        answer = self._world.post(f"{self._path}/deliveries/replay", {"deliveries": [oldest["id"]]}, {})
        if answer.body != {"count": 1}:
            raise StepFailed('{"count": 1}', str(answer), service="api")
        self._wait_for("invoice.created", 2)
        told = {one.headers["webhook-id"] for one in self._heard if one.member("type") == "invoice.created"}
        if len(told) != 1:
            raise StepFailed("the same webhook-id again", str(told), service="worker")
        return {"webhook-id": told.pop()}

    def _forget(self) -> Evidence:
        path = self._path
        self._clean_up()
        gone = self._world.get(path)
        if gone.status != 404:
            raise StepFailed("404", str(gone), service="api")
        return {"subscription": "deleted"}


SCENARIO = Registration(
    "outgoing-events", "An event sent to who subscribed", 46, OutgoingScenario, touches=WORKER
)
