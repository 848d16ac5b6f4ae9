"""The receiver in the docs takes what we sign, once, and nothing else."""

from __future__ import annotations

import http.client
import importlib.util
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from payments_schema.webhooks import signing

FILE = Path(__file__).parents[4] / "docs" / "examples" / "webhook_receiver.py"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="this repository is checked out alone")
SECRET, OTHER = signing.new_secret(), signing.new_secret()
BODY = json.dumps({"type": "invoice.paid", "subject": "ß", "data": {}}, ensure_ascii=False)


@pytest.fixture
def receiver():
    spec = importlib.util.spec_from_file_location("webhook_receiver", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    inbox = module.Inbox()
    server = module.make_server(0, SECRET, inbox)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], inbox
    server.shutdown()
    server.server_close()
    thread.join()


def send(port, body=BODY, secrets=(SECRET,), at=None, **changed):
    keys = [signing.key_of(secret) for secret in secrets]
    headers = signing.sign(keys, "evt_1", at or datetime.now(UTC), BODY) | changed
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("POST", "/hook", body.encode(), headers)
    status = client.getresponse().status
    client.close()
    return status


def test_a_signed_event_counts_once(receiver, capsys):
    port, inbox = receiver
    assert [send(port), send(port), send(port, secrets=(OTHER, SECRET))] == [204] * 3
    assert list(inbox.taken) == ["evt_1"]
    assert capsys.readouterr().out == "invoice.paid ß\n"


def test_everything_else_is_refused(receiver):
    port, inbox = receiver
    now = datetime.now(UTC)
    assert send(port, secrets=(OTHER,)) == 401
    assert send(port, body=BODY + " ") == 401
    assert send(port, at=now - timedelta(minutes=6)) == 401
    assert send(port, at=now + timedelta(minutes=6)) == 401
    for garbage in ("", "v1", "v1,%%%", "v2,AAAA", "x" * 5000):
        assert send(port, **{"webhook-signature": garbage}) == 401
    for garbage in ("", "now", "1e999"):
        assert send(port, **{"webhook-timestamp": garbage}) == 401
    assert inbox.taken == {}
