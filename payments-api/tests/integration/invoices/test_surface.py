"""Invoices and their events over HTTP, against the real process."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from payments_schema.events import store as events
from payments_schema.invoices import facts, inbox, lifecycle, movements, store
from payments_schema.invoices.inbox import Arrived
from payments_schema.ledger import store as ledger
from payments_schema.webhooks import signing
from psycopg import AsyncConnection

SECRETS = [signing.new_secret(), signing.new_secret()]


def an_event(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "type": "payment",
        "invoice_id": str(uuid4()),
        "amount_cents": 3000,
    } | changes


def an_invoice(api: Any, key: str, **body: Any) -> dict[str, Any]:
    made = api.post({"customer": f"C-{key}"} | body, key, "/api/v1/invoices")
    assert made.status_code == 201, made.text
    return made.json()


async def pay(url: str, invoice_id: UUID, cents: int) -> None:
    """What the worker does with an event."""
    async with await AsyncConnection.connect(url) as conn:
        event = Arrived(uuid4(), invoice_id, cents, "{}")
        await inbox.accept(conn, [event])
        held = await store.lock(conn, invoice_id)
        change = lifecycle.pay(held, event.event_id, cents, datetime.now(UTC))
        waiting = await inbox.waiting_of(conn, [invoice_id], 1)
        await inbox.mark_applied(conn, [(waiting[0].number, change)])
        await store.add_credit(conn, {(held.debtor, held.currency): change.credit_minor})
        await store.save(conn, [change.invoice])
        await ledger.post(conn, movements.of(change))
        await events.record_many(conn, facts.of(change))


def test_an_event_is_stored_once_with_its_message(api: Any) -> None:
    event = an_event(note="kept")
    for _ in range(3):
        taken = api.post(event, path="/webhooks/payments")
        assert taken.status_code == 202
        assert taken.json() == {"accepted": True, "event_id": event["event_id"]}
    rows = api.query("SELECT raw ->> 'note' FROM core.payment_event WHERE event_id = %s", event["event_id"])
    assert rows == [("kept",)]
    sent = api.query(
        "SELECT count(*) FROM dramatiq.queue WHERE message -> 'args' = %s::jsonb",
        json.dumps([[event["invoice_id"]]]),
    )
    assert sent == [(1,)]


BAD = [
    b"",
    b"[]",
    b"{",
    b'{"a":1,"a":2}',
    b"\xff",
    b'{"x":1e9999999}',
    *(
        json.dumps(an_event(**wrong)).encode()
        for wrong in (
            {"event_id": "1"},
            {"event_id": None},
            {"event_id": 7},
            {"type": "refund"},
            {"invoice_id": "x"},
            {"amount_cents": 0},
            {"amount_cents": -1},
            {"amount_cents": "3000"},
            {"amount_cents": True},
            {"amount_cents": 1.5},
            {"amount_cents": 2**63},
            {"amount_cents": None},
            {"note": "\x00"},
        )
    ),
]


@pytest.mark.parametrize("body", BAD)
def test_bad_events_are_400_and_leave_no_trace(api: Any, body: bytes) -> None:
    before = api.query("SELECT count(*), (SELECT count(*) FROM dramatiq.queue) FROM core.payment_event")
    refused = api.post(body, path="/webhooks/payments")
    assert refused.status_code == 400, refused.text
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert (
        api.query("SELECT count(*), (SELECT count(*) FROM dramatiq.queue) FROM core.payment_event") == before
    )


def test_a_hundred_broken_requests_leave_no_trace(own_api: Any) -> None:
    """Broken invoices and events of every kind, each with a key of its own: no row of any table is new."""
    own_api.start()
    tables = ("payment_event", "invoice", "idempotency_key", "event", "customer_credit")
    counts = " + ".join(f"(SELECT count(*) FROM core.{table})" for table in tables)
    count = f"SELECT {counts} + (SELECT count(*) FROM dramatiq.queue WHERE queue_name = 'invoices')"
    before = own_api.query(count)
    broken: list[tuple[str, Any]] = [("/webhooks/payments", body) for body in BAD]
    invoices: list[dict[str, Any]] = [
        {"total_cents": 0},
        {"total_cents": -1},
        {"total_cents": 2**63},
        {"total_cents": "100"},
        {"total_cents": 1.5},
        {},
        {"total_cents": 1, "currency": "XXX"},
        {"total_cents": 1, "currency": "usd"},
        {"total_cents": 1, "customer": "\u0000"},
        {"total_cents": 1, "unknown": 1},
        {"total_cents": 1, "lines": [{"description": "x", "unit_cents": 2}]},
        {"lines": [{"description": "x", "unit_cents": 2**62, "quantity": 1_000_000}]},
        {"total_cents": 1, "due_at": "yesterday"},
    ]
    broken += [("/api/v1/invoices", body) for body in invoices]
    sent = 0
    while sent < 100:
        for path, body in broken:
            answer = own_api.post(body, f"broken-{sent}", path)
            assert answer.status_code in (400, 422), (path, body, answer.text)
            assert answer.headers["content-type"].startswith("application/problem+json")
            sent += 1
    assert own_api.query(count) == before


def test_signatures(own_api: Any) -> None:
    own_api.settings["WEBHOOK_SECRET"] = ",".join(SECRETS)
    own_api.start()
    body = json.dumps(an_event()).encode()
    now = datetime.now(UTC)

    def send(at: datetime = now, secret: str = SECRETS[0], sent: bytes = body, **changed: str) -> int:
        headers = signing.sign([signing.key_of(secret)], "msg_1", at, body.decode())
        return own_api.post(sent, path="/webhooks/payments", **(headers | changed)).status_code

    assert send() == 202
    assert send(secret=SECRETS[1]) == 202
    assert send(secret=signing.new_secret()) == 401
    assert send(at=now - timedelta(minutes=6)) == 401
    assert send(at=now + timedelta(minutes=6)) == 401
    assert send(sent=body + b" ") == 401
    assert own_api.post(body, path="/webhooks/payments").status_code == 401
    for garbage in ("v1", "v1,", ",", "v1,%%%", "v1,a,b", "x" * 5000, "v2,AAAA"):
        assert send(**{"webhook-signature": garbage}) == 401
    for garbage in ("", "now", "-1", "1e999", "9" * 400):
        assert send(**{"webhook-timestamp": garbage}) == 401
    assert own_api.query("SELECT count(*) FROM core.payment_event") == [(1,)]


def test_the_official_vector() -> None:
    key = signing.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signing.sign(
        [key],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        '{"test": 2432232314}',
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_invoice_is_made_once_listed_shown_and_printed(api: Any, key: str) -> None:
    body = {
        "lines": [{"description": "<b>Work</b>", "quantity": 2, "unit_cents": 1250}],
        "customer": f"C-{key}",
    }
    made = api.post(body, key, "/api/v1/invoices")
    again = api.post(body | {"currency": "USD"}, key, "/api/v1/invoices")
    assert (made.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert made.json() == again.json()
    invoice = made.json()
    assert (invoice["total_cents"], invoice["status"], invoice["ageing"]) == (2500, "sent", "current")
    assert api.post(body | {"currency": "EUR"}, key, "/api/v1/invoices").status_code == 422
    page = api.get(f"/api/v1/invoices?customer=C-{key}").json()
    assert [one["id"] for one in page["data"]] == [invoice["id"]]
    shown = api.get(f"/api/v1/invoices/{invoice['id']}").json()
    assert [(e["account_id"], e["direction"], e["amount"]) for e in shown["entries"]] == [
        ("accounts_receivable", "debit", "25.00"),
        ("invoice_revenue", "credit", "25.00"),
    ]
    printed = api.get(f"/api/v1/invoices/{invoice['id']}/print").text
    assert "&lt;b&gt;Work&lt;/b&gt;" in printed
    assert "25.00 USD" in printed
    assert api.get("/api/v1/invoices/nonsense").status_code == 404


def test_csv_has_no_formula(api: Any, key: str) -> None:
    an_invoice(api, key, customer=f"=HYPERLINK({key})", total_cents=100)
    exported = api.get("/api/v1/invoices.csv").text
    assert f"'=HYPERLINK({key})" in exported


def test_void_and_credit_notes(api: Any, key: str) -> None:
    invoice = an_invoice(api, key, total_cents=1000)
    path = f"/api/v1/invoices/{invoice['id']}"
    noted = api.post({"amount_cents": 400, "reason": "late"}, f"{key}-n", f"{path}/credit-notes").json()
    assert (noted["status"], noted["credited_cents"], noted["open_cents"]) == ("sent", 400, 600)
    too_much = api.post({"amount_cents": 601}, f"{key}-m", f"{path}/credit-notes")
    assert (too_much.status_code, too_much.json()["remaining"]) == (422, 600)
    voided = api.post({}, f"{key}-v", f"{path}/void").json()
    assert (voided["status"], voided["open_cents"]) == ("void", 0)
    assert api.post({}, f"{key}-w", f"{path}/void").status_code == 409


def test_credit_pays_other_invoices_and_is_refunded(api: Any, key: str) -> None:
    customer = f"C-{key}"
    overpaid = an_invoice(api, f"{key}-o", customer=customer, total_cents=100)
    asyncio.run(pay(api.database_url, UUID(overpaid["id"]), 1000))
    invoice = an_invoice(api, key, total_cents=500)
    paid = api.post({}, f"{key}-a", f"/api/v1/invoices/{invoice['id']}/allocate").json()
    assert (paid["status"], paid["paid_cents"]) == ("paid", 500)
    refund = {"customer": customer, "amount_cents": 300}
    for _ in range(2):
        left = api.post(refund, f"{key}-r", "/api/v1/customer-credit/refund").json()
        assert left["credit_cents"] == 100
    assert api.get(f"/api/v1/customer-credit?customer={customer}").json()[0]["credit_cents"] == 100
    more = api.post(refund, f"{key}-s", "/api/v1/customer-credit/refund")
    assert (more.status_code, more.json()["remaining"]) == (422, 100)


def shown(api: Any, path: str, body: dict[str, Any]) -> list[tuple[str, str, int]]:
    """What a preview says, which needs no key."""
    answer = api.post(body, path=f"{path}?preview=true")
    assert (answer.status_code, answer.json()["preview"]) == (200, True), answer.text
    return [(one["account"], one["direction"], one["amount"]) for one in answer.json()["entries"]]


def test_a_preview_is_what_is_posted_then_and_posts_nothing(api: Any, key: str) -> None:
    customer = f"C-{key}"
    body = {"total_cents": 1000, "customer": customer}
    issued = [("accounts_receivable", "debit", 1000), ("invoice_revenue", "credit", 1000)]
    assert shown(api, "/api/v1/invoices", body) == issued
    assert api.get(f"/api/v1/invoices?customer={customer}").json()["data"] == []
    invoice = an_invoice(api, key, **body)
    path = f"/api/v1/invoices/{invoice['id']}"
    asyncio.run(pay(api.database_url, UUID(an_invoice(api, f"{key}-o", **body)["id"]), 1300))
    noted = [("invoice_revenue", "debit", 400), ("accounts_receivable", "credit", 400)]
    assert shown(api, f"{path}/credit-notes", {"amount_cents": 400}) == noted
    assert shown(api, f"{path}/void", {}) == [(code, side, 1000) for code, side, _ in noted]
    allocated = [("customer_credit", "debit", 300), ("accounts_receivable", "credit", 300)]
    assert shown(api, f"{path}/allocate", {}) == allocated
    refund = {"customer": customer, "amount_cents": 200}
    given = [("customer_credit", "debit", 200), ("platform_cash", "credit", 200)]
    assert shown(api, "/api/v1/customer-credit/refund", refund) == given
    before = api.get(path).json()
    assert (before["status"], before["updated_at"]) == ("sent", invoice["updated_at"])
    assert len(before["entries"]) == 2
    assert api.get(f"/api/v1/customer-credit?customer={customer}").json()[0]["credit_cents"] == 300
    api.post({"amount_cents": 400}, f"{key}-n", f"{path}/credit-notes")
    posted = [(one["account_id"], one["direction"], one["amount"]) for one in api.get(path).json()["entries"]]
    assert posted[2:] == [(code, side, "4.00") for code, side, _ in noted]


def test_a_preview_refuses_what_would_be_refused(api: Any, key: str) -> None:
    invoice = an_invoice(api, key, total_cents=1000)
    path = f"/api/v1/invoices/{invoice['id']}"
    too_much = api.post({"amount_cents": 1001}, path=f"{path}/credit-notes?preview=true")
    assert (too_much.status_code, too_much.json()["remaining"]) == (422, 1000)
    assert api.post({}, path=f"{path}/allocate?preview=true").status_code == 422
    taken = api.post({"id": invoice["id"], "total_cents": 1}, path="/api/v1/invoices?preview=true")
    assert (taken.status_code, taken.json()["code"]) == (409, "invoice_id_taken")
    assert api.post({}, path=f"/api/v1/invoices/{uuid4()}/void?preview=true").status_code == 404
    assert api.post({"total_cents": 1}, path="/api/v1/invoices?preview=false").status_code == 400


def test_a_dead_event_that_was_discarded_is_dead_no_more(api: Any) -> None:
    event = an_event()

    async def give_up() -> None:
        async with await AsyncConnection.connect(api.database_url) as conn:
            invoice_id = UUID(event["invoice_id"])
            await inbox.accept(conn, [Arrived(UUID(event["event_id"]), invoice_id, 100, "{}")])
            [waiting] = await inbox.waiting_of(conn, [invoice_id], 1)
            await inbox.bury(conn, waiting, "no such invoice")

    def listed(status: str) -> list[dict[str, Any]]:
        found = api.get(f"/api/v1/webhooks/incoming?status={status}&invoice_id={event['invoice_id']}")
        return found.json()["data"]

    asyncio.run(give_up())
    [dead] = listed("dead")
    assert dead["error"] == "no such invoice"
    assert api.post({}, path=f"/api/v1/jobs/{dead['job_id']}/discard").status_code == 200
    assert listed("dead") == []
    [discarded] = listed("discarded")
    assert (discarded["event_id"], discarded["job_id"]) == (event["event_id"], None)
    assert discarded["error"] == "no such invoice"
    mend = {"reason": "late"}
    path = f"/api/v1/webhooks/incoming/{event['event_id']}/repair"
    late = api.post(mend, event["event_id"], path)
    assert (late.status_code, late.json()["current_status"]) == (409, "discarded")


def test_a_dead_event_is_repaired_by_an_edited_copy(api: Any, key: str) -> None:
    invoice = an_invoice(api, key, total_cents=500)
    event = an_event()
    api.post(event, path="/webhooks/payments")
    with __import__("psycopg").connect(api.database_url) as conn:
        conn.execute("UPDATE core.payment_event SET status = 'dead' WHERE event_id = %s", [event["event_id"]])
    path = f"/api/v1/webhooks/incoming/{event['event_id']}/repair"
    copy = api.post({"reason": "typo", "invoice_id": invoice["id"]}, f"{key}-r", path).json()
    assert (copy["status"], copy["invoice_id"], copy["repairs"]) == (
        "waiting",
        invoice["id"],
        event["event_id"],
    )
    assert api.post({"reason": "typo"}, f"{key}-q", path).status_code == 409
    told = api.query("SELECT data ->> 'reason' FROM core.event WHERE type = 'payment_event.repaired'")
    assert ("typo",) in told
