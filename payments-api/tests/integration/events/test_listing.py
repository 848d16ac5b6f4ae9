"""Events over HTTP: by topic, by what begins alike, by subject and time; and how they are documented."""

from __future__ import annotations

import time
from typing import Any

from payments_schema.wire.catalogue import TOPICS

from payments_api.app import create_app
from payments_api.settings import AuthMode, Settings

EVENTS = "/api/v1/events"


def types(api: Any, query: str) -> list[str]:
    answer = api.get(f"{EVENTS}?{query}")
    assert answer.status_code == 200, answer.text
    return [one["type"] for one in answer.json()["data"]]


def test_events_are_found_by_prefix_subject_and_time(api: Any, key: str) -> None:
    made = api.post({"total_cents": 100, "customer": f"C-{key}"}, key, "/api/v1/invoices").json()
    path = f"/api/v1/invoices/{made['id']}/void"
    assert api.post({"reason": "mistake"}, f"{key}-v", path).status_code == 200
    subject = f"subject={made['id']}"
    wanted = ["invoice.created", "invoice.voided"]
    # Events are listed once every older transaction of the whole server is over, whoever's it is.
    deadline = time.monotonic() + 120
    while types(api, subject) != wanted:
        assert time.monotonic() < deadline, "not listed within two minutes"
        time.sleep(0.05)
    assert types(api, f"{subject}&type=invoice.*") == wanted
    assert types(api, f"{subject}&type=invoice.voided") == wanted[1:]
    assert types(api, f"{subject}&type=card.*") == []
    assert types(api, f"{subject}&type=invoice") == []
    second = api.get(f"{EVENTS}?{subject}&type=invoice.voided").json()["data"][0]
    moment = second["recorded_at"].replace("+", "%2B")
    assert types(api, f"{subject}&since={moment}&type=invoice.*") == wanted[1:]
    assert types(api, f"{subject}&until={moment}&type=invoice.*") == wanted[:1]


def test_the_document_tells_every_topic() -> None:
    document = create_app(Settings(auth_mode=AuthMode.OPEN)).openapi()
    assert set(document["webhooks"]) == set(TOPICS)
