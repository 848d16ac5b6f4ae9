"""Four eyes over HTTP: above the limit a second person decides, once, and never for himself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from payments_schema.ledger import movements
from payments_schema.money import Money
from payments_schema.reconciliation import store as reconciliation
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
