"""Four eyes over HTTP: above the limit a second person decides, once, and never for himself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from payments_schema.events import store as events
from payments_schema.invoices import facts, inbox, lifecycle
from payments_schema.invoices import movements as invoice_movements
from payments_schema.invoices import store as invoices
from payments_schema.invoices.inbox import Arrived
from payments_schema.invoices.lifecycle import Invoice
from payments_schema.ledger import movements
from payments_schema.ledger import store as ledger
from payments_schema.money import Money
from payments_schema.reconciliation import store as reconciliation
from payments_schema.wire.invoices import InvoiceStatus
from payments_schema.wire.payments import PaymentStatus, ReconciliationStatus


@dataclass(frozen=True)
class Desk:
    """An API where more than 10 needs a second person, and the people at it."""

    api: Any
    token: Callable[..., str]

    def send(self, path: str, body: dict[str, Any], who: str, *roles: str) -> httpx.Response:
        token = self.token(list(roles) or ["operator", "approver"], sub=who)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
        return httpx.post(self.api.url + path, json=body, headers=headers)

    def read(self, path: str) -> Any:
        return self.api.get(f"/api/v1{path}", Authorization=f"Bearer {self.token('viewer')}").json()

    def captured(self) -> str:
        """A card payment of which 50.00 was taken."""
        body = {"amount": 5000, "currency": "USD", "account_id": "ACC-EYES"}
        held = self.send("/api/v1/payments/authorize", body, "ama").json()["id"]
        assert self.send(f"/api/v1/payments/{held}/capture", {}, "ama").status_code == 200
        return cast("str", held)

    def refund(self, payment: str, minor: int, who: str = "ama") -> httpx.Response:
        return self.send(f"/api/v1/payments/{payment}/refund", {"amount": minor}, who)

    def ask(self, payment: str, **more: Any) -> dict[str, Any]:
        body = {"kind": "card_refund", "subject": payment, "reason": "goods came back", **more}
        answer = self.send("/api/v1/approvals", body, "ama")
        assert answer.status_code == 201, answer.text
        return cast("dict[str, Any]", answer.json())

    def decide(self, number: Any, word: dict[str, str], who: str, *roles: str) -> httpx.Response:
        return self.send(f"/api/v1/approvals/{number}/decide", word, who, *roles)


@pytest.fixture(scope="module")
def started(guarded_api: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    running = replace(
        guarded_api,
        log=tmp_path_factory.mktemp("four-eyes") / "api.log",
        settings=guarded_api.settings | {"APPROVAL_LIMIT": "10"},
        port=0,
        process=None,
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def desk(started: Any, token: Callable[..., str]) -> Desk:
    return Desk(started, token)


YES = {"decision": "approve", "reason": "seen the goods"}


def test_above_the_limit_nobody_refunds_alone(desk: Desk) -> None:
    payment = desk.captured()
    alone = desk.refund(payment, 1001, "ama")
    assert (alone.status_code, alone.json()["code"], alone.json()["limit"]) == (
        403,
        "approval_required",
        "10",
    )
    assert desk.refund(payment, 1000, "ama").status_code == 200


def test_a_sum_is_not_cut_into_small_pieces(desk: Desk) -> None:
    payment = desk.captured()
    assert desk.refund(payment, 600, "ama").status_code == 200
    again = desk.refund(payment, 600, "kofi")
    assert again.json()["code"] == "approval_required"
    assert desk.read(f"/payments/{payment}")["refunded_amount"] == 600


def test_a_preview_needs_nobody(desk: Desk) -> None:
    payment = desk.captured()
    token = desk.token("operator")
    shown = httpx.post(
        f"{desk.api.url}/api/v1/payments/{payment}/refund?preview=true",
        json={},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert shown.status_code == 200
    assert shown.json()["preview"] is True


def test_the_second_person_agrees_and_it_is_done_once(desk: Desk) -> None:
    payment = desk.captured()
    request = desk.ask(payment)
    assert (request["state"], request["amount"], request["asked_by"]) == ("waiting", "50.00", "ama")
    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(lambda _: desk.decide(request["id"], YES, "kofi"), range(4)))
    # The others find it done, or are told that it is under way.
    assert {answer.status_code for answer in answers} <= {200, 409, 503}
    done = desk.read(f"/approvals/{request['id']}")
    if done["state"] == "approved":  # every one of them was told so: the next word goes on with it
        done = desk.decide(request["id"], YES, "kofi").json()
    assert (done["state"], done["decided_by"], done["outcome"]) == ("done", "kofi", "carried out")
    found = desk.read(f"/payments/{payment}")
    assert (found["status"], found["refunded_amount"]) == ("refunded", 5000)
    steps = desk.read(f"/payments/{payment}/ledger")["transactions"]
    assert len([step for step in steps if step["returns"]]) == 1


def test_nobody_agrees_with_himself(desk: Desk) -> None:
    payment = desk.captured()
    request = desk.ask(payment)
    own = desk.decide(request["id"], YES, "ama")
    assert (own.status_code, own.json()["code"]) == (403, "second_person_needed")
    assert desk.read(f"/payments/{payment}")["refunded_amount"] == 0


@pytest.mark.parametrize("role", ["viewer", "operator", "service"])
def test_only_an_approver_decides(desk: Desk, role: str) -> None:
    request = desk.ask(desk.captured())
    refused = desk.decide(request["id"], YES, "kofi", role)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_viewer_asks_for_nothing(desk: Desk) -> None:
    body = {"kind": "card_refund", "subject": desk.captured(), "reason": "why not"}
    assert desk.send("/api/v1/approvals", body, "eve", "viewer").status_code == 403


def test_one_request_at_a_time_and_withdrawn_only_by_who_asked(desk: Desk) -> None:
    payment = desk.captured()
    request = desk.ask(payment)
    body = {"kind": "card_refund", "subject": payment, "reason": "again"}
    assert desk.send("/api/v1/approvals", body, "kofi").status_code == 409
    assert desk.send(f"/api/v1/approvals/{request['id']}/withdraw", {}, "kofi").status_code == 404
    assert desk.send(f"/api/v1/approvals/{request['id']}/withdraw", {}, "ama").json()["state"] == "withdrawn"
    assert desk.decide(request["id"], YES, "kofi").status_code == 409
    assert desk.send("/api/v1/approvals", body, "kofi").status_code == 201


def test_rejected_is_rejected(desk: Desk) -> None:
    payment = desk.captured()
    request = desk.ask(payment)
    no = {"decision": "reject", "reason": "no goods"}
    assert desk.decide(request["id"], no, "kofi").json()["state"] == "rejected"
    late = desk.decide(request["id"], YES, "yaw")
    assert (late.status_code, late.json()["current_status"]) == (409, "rejected")
    assert desk.read(f"/payments/{payment}")["refunded_amount"] == 0


def test_what_cannot_be_done_any_more_failed_with_its_reason(desk: Desk) -> None:
    payment = desk.captured()
    request = desk.ask(payment, amount="50.00")
    assert desk.refund(payment, 100, "ama").status_code == 200
    ended = desk.decide(request["id"], YES, "kofi").json()
    assert ended["state"] == "failed"
    assert "refund" in ended["outcome"]
    assert desk.read(f"/payments/{payment}")["refunded_amount"] == 100


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"amount": "50.01"}, 422),
        ({"amount": "0.001"}, 422),
        ({"reason": " "}, 422),
        ({"subject": "pay_nothing"}, 404),
        ({"kind": "write_off", "subject": "../x"}, 404),
        ({"kind": "everything"}, 422),
        ({"extra": 1}, 422),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(desk: Desk, body: dict[str, Any], status: int) -> None:
    whole = {"kind": "card_refund", "subject": desk.captured(), "reason": "x", **body}
    assert desk.send("/api/v1/approvals", whole, "ama").status_code == status


@pytest.mark.parametrize("number", ["0", "x", "99999999999", "9" * 30])
def test_an_unknown_number_is_no_error_of_ours(desk: Desk, number: str) -> None:
    assert desk.decide(number, YES, "kofi").status_code in {404, 422}


def test_a_write_off_above_the_limit(desk: Desk) -> None:
    payment = in_suspense(desk, 4000)
    path = f"/api/v1/ledger/differences/{payment}/adjust"
    small = {"action": "write_off", "amount": "6.00", "reason": "small"}
    assert desk.send(path, small, "ama").status_code == 201
    alone = desk.send(path, small, "ama")
    assert (alone.status_code, alone.json()["code"]) == (403, "approval_required")
    found = {"action": "resolve", "amount": "20.00", "reason": "found"}
    assert desk.send(path, found, "ama").status_code == 201
    request = desk.ask(payment, kind="write_off")
    assert request["amount"] == "14.00"
    assert desk.decide(request["id"], YES, "kofi").json()["state"] == "done"
    last = desk.read(f"/ledger/differences/{payment}/adjustments")[-1]
    assert (last["amount"], last["actor"]) == ("14.00", "ama, approved by kofi")
    assert "approval.approved" in [step["title"] for step in steps_of(desk, payment)]


async def overpay(url: str, customer: str, cents: int) -> None:
    """Credit as the worker leaves it: an invoice of 1 that more was paid for."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        now, event = datetime.now(UTC), Arrived(uuid4(), uuid4(), cents + 1, "{}")
        issued = Invoice(
            event.invoice_id, "ama", "USD", 1, InvoiceStatus.SENT, now, now, customer=customer, is_booked=True
        )
        await invoices.create(conn, issued)
        await ledger.post(conn, invoice_movements.issue(issued))
        await inbox.accept(conn, [event])
        paid = lifecycle.pay(await invoices.lock(conn, issued.id), event.event_id, cents + 1, now)
        [waiting] = await inbox.waiting_of(conn, [issued.id], 1)
        await inbox.mark_applied(conn, [(waiting.number, paid)])
        await invoices.add_credit(conn, {(customer, "USD"): paid.credit_minor})
        await invoices.save(conn, [paid.invoice])
        await ledger.post(conn, invoice_movements.of(paid))
        await events.record_many(conn, facts.of(paid))


def test_credit_above_the_limit_is_given_back_by_two_and_once(desk: Desk) -> None:
    customer = f"Ama: {uuid4()}"
    asyncio.run(overpay(desk.api.database_url, customer, 5000))
    path, wish = "/api/v1/customer-credit/refund", {"customer": customer, "amount_cents": 600}
    assert desk.send(path, wish, "ama").json()["credit_cents"] == 4400
    for body in (wish, {"customer": customer}):  # small pieces of one sum count together
        alone = desk.send(path, body, "kofi")
        assert (alone.status_code, alone.json()["code"]) == (403, "approval_required")
    request = desk.ask(f"USD:{customer}", kind="credit_refund", amount="40.00")
    assert (request["amount"], request["currency"]) == ("40.00", "USD")
    own = desk.decide(request["id"], YES, "ama")
    assert (own.status_code, own.json()["code"]) == (403, "second_person_needed")
    for _ in range(2):
        desk.decide(request["id"], YES, "kofi")
    assert desk.read(f"/approvals/{request['id']}")["state"] == "done"
    [credit] = desk.read(f"/customer-credit?customer={quote(customer)}")
    assert credit["credit_cents"] == 400
    too_much = {"kind": "credit_refund", "subject": f"USD:{customer}", "amount": "4.01", "reason": "x"}
    assert desk.send("/api/v1/approvals", too_much, "ama").status_code == 422


@pytest.mark.parametrize("subject", ["Ama", "USD", "USD:", ":Ama", "", "usd:Ama", "XXQ:Ama", "USD:a\nb"])
def test_credit_that_is_not_named_rightly_is_refused(desk: Desk, subject: str) -> None:
    body = {"kind": "credit_refund", "subject": subject, "reason": "x"}
    assert desk.send("/api/v1/approvals", body, "ama").status_code in {404, 422}


def test_a_wallet_refund_above_the_limit(desk: Desk) -> None:
    body = {"amount": "25.00", "recipient_phone": "0244123987", "recipient_name": "Ama"}
    body["direction"] = "collect"
    payment = desk.send("/api/v1/payments/initiate", body, "ama").json()["id"]
    with psycopg.connect(desk.api.database_url) as conn:  # what the worker does when MTN has paid
        conn.execute(
            "UPDATE core.wallet_payment SET status = 'CONFIRMED', provider = 'mtn' WHERE id = %s", [payment]
        )
        conn.execute(
            "INSERT INTO core.wallet_attempt (payment_id, purpose, number, provider, reference, state,"
            " fee_minor, sends, inquiries, created_at, resolved_at)"
            " VALUES (%s, 'payment', 1, 'mtn', %s, 'succeeded', 19, 1, 1, now(), now())",
            [payment, str(uuid4())],
        )
    alone = desk.send(f"/api/v1/wallets/{payment}/refund", {"reason": "double"}, "ama")
    assert (alone.status_code, alone.json()["code"]) == (403, "approval_required")
    request = desk.ask(payment, kind="wallet_refund")
    assert (request["amount"], request["currency"]) == ("25.00", "GHS")
    own = desk.decide(request["id"], YES, "ama")
    assert (own.status_code, own.json()["code"]) == (403, "second_person_needed")
    assert refunds_of(desk, payment) == 0
    for _ in range(2):
        desk.decide(request["id"], YES, "kofi")
    assert desk.read(f"/approvals/{request['id']}")["outcome"] == "carried out"
    assert refunds_of(desk, payment) == 1


def refunds_of(desk: Desk, payment: str) -> int:
    ((count,),) = desk.api.query(
        "SELECT count(*) FROM core.wallet_attempt WHERE payment_id = %s AND purpose = 'refund'", payment
    )
    return cast("int", count)


def steps_of(desk: Desk, payment: str) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", desk.read(f"/operations/payments/{payment}")["steps"])


def in_suspense(desk: Desk, minor: int) -> str:
    """A direct payment of 100.00 of which a part waits in suspense, as the worker leaves it."""
    made = desk.send("/payments", {"accountId": "ACC-SUSPENSE", "amount": "100.00"}, "ama").json()["id"]

    async def decide() -> None:
        async with await psycopg.AsyncConnection.connect(desk.api.database_url) as conn:
            found = await conn.execute("SELECT id FROM core.recon_job WHERE payment_id = %s", [UUID(made)])
            [job] = await reconciliation.claim(conn, [row[0] for row in await found.fetchall()], "test")
            money = Money(job.amount_minor, job.currency)
            doubt = Money(minor, job.currency)
            posting = movements.direct_payment(job.payment_id, "ACC-SUSPENSE", money, job.created_at, doubt)
            verdict = ReconciliationStatus.COMPLETED_WITH_DISCREPANCY
            outcome = reconciliation.Outcome(
                job, verdict, False, minor, "note", PaymentStatus.COMPLETED, posting
            )
            await reconciliation.complete_many(conn, [outcome], worker="test")

    asyncio.run(decide())
    return cast("str", made)
