"""`payments-schema events`: what happens is printed and forwarded signed; dead events are mended."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from uuid import uuid4

import pytest
from invoice_lives import an_invoice, write

from payments_schema.cli import main
from payments_schema.events import store
from payments_schema.events.store import NewEvent
from payments_schema.invoices import inbox
from payments_schema.invoices.inbox import Arrived
from payments_schema.testing import settled
from payments_schema.webhooks import signing

SECRET = signing.new_secret()
SINCE = "2020-01-01T00:00:00Z"


class Receiver(http.server.BaseHTTPRequestHandler):
    got: list[tuple[dict[str, str], bytes]] = []  # noqa: RUF012 (one receiver for the one test)

    def do_POST(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.got.append((headers, self.rfile.read(int(headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format, *args):
        pass


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_events_are_printed_and_forwarded_signed(conn, database_url, receiver, capsys):
    await write(conn, [an_invoice(100)])
    await store.record_many(conn, [NewEvent("card.voided", "é\x1b[2J", {"n": n}) for n in range(2)])
    await conn.commit()
    await settled(conn)
    common = ["events", "listen", "--url", database_url, "--since", SINCE]
    forward = ["--forward-to", receiver, "--secret", SECRET, "--type", "card.*", "--count", "2", "--json"]
    assert await in_thread([*common, *forward]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["type"], one["data"]) for one in shown] == [
        ("card.voided", {"n": 0}),
        ("card.voided", {"n": 1}),
    ]
    assert [json.loads(body)["data"]["n"] for _, body in Receiver.got] == [0, 1]
    for headers, body in Receiver.got:
        signing.verify([signing.key_of(SECRET)], headers, body)
        assert set(json.loads(body)) == {"id", "type", "version", "timestamp", "subject", "data"}
    assert await in_thread([*common, "--count", "3"]) == 0
    text = capsys.readouterr().out
    assert [line.split()[1] for line in text.splitlines()] == [
        "invoice.created",
        "card.voided",
        "card.voided",
    ]
    assert "\x1b" not in text


async def in_thread(arguments):
    """The command runs a loop of its own."""
    return await asyncio.to_thread(main, arguments)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--forward-to", "http://example.org/"],
        ["--forward-to", "https://127.0.0.1/"],
        ["--since", "2026-01-01"],
        ["--secret", "short"],
    ],
)
def test_wrong_use_is_told(wrong, capsys):
    try:
        status = main(["events", "listen", "--url", "postgresql://127.0.0.1:1/x", *wrong])
    except SystemExit as left:
        status = left.code
    assert status == 2
    assert "error" in capsys.readouterr().err


async def a_dead_event(conn, invoice_id):
    event = Arrived(uuid4(), invoice_id, 100, "{}")
    await inbox.accept(conn, [event])
    [waiting] = await inbox.waiting_of(conn, [invoice_id], 1)
    await inbox.bury(conn, waiting, "no such invoice")
    await conn.commit()
    return str(event.event_id)


async def test_dead_events_are_listed_repaired_retried_and_discarded(conn, database_url, capsys):
    invoice = an_invoice(100).invoice
    mended, tried, given_up = [await a_dead_event(conn, uuid4()) for _ in range(3)]

    async def run(*arguments):
        status = await in_thread(["events", *arguments, "--url", database_url])
        return status, capsys.readouterr()

    status, told = await run("dead", "--json")
    assert (status, [one["event_id"] for one in json.loads(told.out)]) == (0, [given_up, tried, mended])
    status, told = await run("repair", mended, "--reason", "typo", "--invoice-id", str(invoice.id), "--json")
    [copy] = json.loads(told.out)
    assert (status, copy["repairs"], copy["invoice_id"]) == (0, mended, str(invoice.id))
    status, told = await run("repair", mended, "--reason", "typo")
    assert (status, told.err) == (1, "error: only a dead event is repaired; this one is repaired\n")
    status, told = await run("repair", tried, "--reason", "x", "--amount-cents", "0")
    assert status == 2
    assert told.err.startswith("error: amount_cents: ")
    assert (await run("retry", tried))[0] == 0
    assert (await run("discard", given_up))[0] == 0
    status, told = await run("dead", "--json")  # one that is tried again is dead until it is revived
    assert (status, [one["event_id"] for one in json.loads(told.out)]) == (0, [tried])
    status, told = await run("discard", given_up)
    assert (status, told.err) == (1, "error: only a dead event is discarded; this one is discarded\n")
    left = await conn.execute(
        "SELECT message -> 'args' ->> 0 FROM dramatiq.queue WHERE state = 'queued' AND"
        " message ->> 'actor_name' = %s",
        [inbox.REVIVE],
    )
    assert await left.fetchall() == [(tried,)]
    audit = await conn.execute(
        "SELECT data ->> 'reason' FROM core.event WHERE type = 'payment_event.repaired'"
    )
    assert await audit.fetchall() == [("typo",)]
