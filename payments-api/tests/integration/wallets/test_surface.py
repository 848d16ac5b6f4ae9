"""Wallet payments over HTTP, without a worker: what is taken, refused, replayed, hidden and left due."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

BODY = {"amount": "25.00", "recipient_phone": "024 312 3499", "recipient_name": "Ama"}
INITIATE = "/api/v1/payments/initiate"


def start(api: Any, **fields: Any) -> dict[str, Any]:
    answer = api.post(BODY | fields, str(uuid4()), INITIATE)
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_initiate_is_202_masked_and_queued(api: Any) -> None:
    shown = start(api, metadata={"order": 7})
    assert (shown["status"], shown["amount"], shown["currency"]) == ("INITIATED", "25.00", "GHS")
    assert shown["recipient_phone"] == "+23324***3499"
    assert shown["metadata"] == {"order": 7}
    waiting = api.query("SELECT message FROM dramatiq.queue WHERE message->'args'->>0 = %s", shown["id"])
    assert [row[0]["actor_name"] for row in waiting] == ["pull_wallets"]


def test_equal_requests_are_replayed_whatever_their_notation(api: Any, key: str) -> None:
    first = api.post(BODY, key, INITIATE)
    same = {"amount": 25, "recipient_phone": "+233243123499", "recipient_name": "Ama", "currency": "GHS"}
    again = api.post(same, key, INITIATE)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.json() == first.json()
    other = api.post(BODY | {"amount": "26.00"}, key, INITIATE)
    assert (other.status_code, other.json()["differs"]) == (422, ["amount"])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"recipient_phone": "0303123499"}, "recipient_phone"),
        ({"recipient_phone": 243123499}, "recipient_phone"),
        ({"amount": "25.001"}, None),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "1e400"}, None),
        ({"provider": "vodafone"}, "provider"),
        ({"direction": "sideways"}, "direction"),
        ({"recipient_name": ""}, "recipient_name"),
        ({"surplus": 1}, "surplus"),
        ({"voucher": "12"}, "voucher"),
    ],
)
def test_bad_fields_are_422_and_never_repeated(
    api: Any, key: str, fields: dict[str, Any], field: Any
) -> None:
    answer = api.post(BODY | fields, key, INITIATE)
    assert answer.status_code == 422
    named = [wrong["field"] for wrong in answer.json().get("fields", [])]
    assert field is None or any(field in name for name in named), answer.text
    assert "0303123499" not in answer.text
    assert api.post(BODY, key, INITIATE).status_code == 202


@pytest.mark.parametrize("fields", [{"amount": "0.99"}, {"amount": "50000.01"}, {"currency": "USD"}])
def test_limits_and_currency(api: Any, key: str, fields: dict[str, Any]) -> None:
    assert api.post(BODY | fields, key, INITIATE).status_code == 422


def test_a_key_is_required(api: Any) -> None:
    assert api.post(BODY, None, INITIATE).status_code == 400
    assert api.post({}, None, f"/api/v1/payments/{start(api)['id']}/cancel").status_code == 400


def test_status_shows_the_trail_and_routing_none_yet(api: Any) -> None:
    id = start(api)["id"]
    seen = api.get(f"/api/v1/payments/{id}/status").json()
    assert [(step["from_status"], step["to_status"]) for step in seen["transitions"]] == [(None, "INITIATED")]
    assert api.get(f"/api/v1/payments/{id}/routing").json()["decisions"] == []
    assert api.get(f"/api/v1/payments/{id}").json()["kind"] == "wallet"
    listed = api.get("/api/v1/payments?kind=wallet").json()["data"]
    assert id in [payment["id"] for payment in listed]


def test_the_ledger_of_a_wallet_payment_has_the_shape_of_every_kind(api: Any) -> None:
    id = start(api)["id"]
    shown = api.get(f"/api/v1/payments/{id}/ledger")
    assert shown.status_code == 200, shown.text
    body = shown.json()
    assert (body["object"], body["transactions"], body["accounts"]) == ("payment_ledger", [], [])
    assert body["witness"] == {
        "status": "INITIATED", "paid_amount": 0, "collected_amount": 0, "refunded_amount": 0, "fee_amount": 0,
        "clearing_amount": 0, "owner_amount": 0, "agrees": True, "problems": [],
    }  # fmt: skip


@pytest.mark.parametrize("given", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "00-x"])
def test_a_payment_keeps_one_trace_for_message_and_provider(api: Any, key: str, given: str | None) -> None:
    headers = {"Idempotency-Key": key} | ({"traceparent": given} if given else {})
    answer = httpx.post(f"{api.url}{INITIATE}", json=BODY, headers=headers, timeout=30)
    id = answer.json()["id"]
    ((kept,),) = api.query("SELECT traceparent FROM core.wallet_payment WHERE id = %s", id)
    ((sent,),) = api.query(
        "SELECT message->'options'->>'traceparent' FROM dramatiq.queue WHERE message->'args'->>0 = %s", id
    )
    assert kept == sent
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", kept)
    assert given is None or given == "00-x" or kept == given
    for part in ("status", "ledger"):
        assert api.get(f"/api/v1/payments/{id}/{part}").json()["trace_id"] == kept.split("-")[1]


def test_ids_that_are_none_are_404(api: Any) -> None:
    for id in ("nonsense", "pay_01m7y8zmxbeg0by1a8fqk7w53b", "pay_" + "0" * 300):
        for part in ("", "/status", "/routing", "/ledger"):
            assert api.get(f"/api/v1/payments/{id}{part}").status_code == 404


def test_cancel_once_by_its_owner_only(api: Any, key: str) -> None:
    id = start(api, user_id="u1")["id"]
    path = f"/api/v1/payments/{id}/cancel"
    assert api.post({"user_id": "u2"}, str(uuid4()), path).status_code == 404
    assert api.post({}, str(uuid4()), path).status_code == 404
    assert api.post({"user_id": "u1"}, key, path).json()["status"] == "CANCELLED"
    assert api.post({"user_id": "u1"}, key, path).headers["idempotent-replayed"] == "true"
    refused = api.post({"user_id": "u1"}, str(uuid4()), path)
    assert (refused.status_code, refused.json()["current_status"]) == (409, "CANCELLED")


def test_what_the_state_forbids_is_409(api: Any) -> None:
    id = start(api)["id"]
    assert api.post({}, str(uuid4()), f"/api/v1/wallets/{id}/refund").status_code == 409
    assert api.post({"voucher": "123456"}, None, f"/api/v1/wallets/{id}/voucher").status_code == 409
    review = {"decision": "approve", "reason": "x"}
    assert api.post(review, str(uuid4()), f"/api/v1/wallets/{id}/review").status_code == 409


def test_a_callback_only_hastens_the_question(api: Any) -> None:
    id = start(api)["id"]
    reference = uuid4()
    api_write(
        api,
        "INSERT INTO core.wallet_attempt (payment_id, purpose, number, provider, reference, state, fee_minor,"
        " sends, inquiries, created_at) VALUES (%s, 'payment', 1, 'mtn', %s, 'accepted', 19, 1, 0, now())",
        id,
        reference,
    )
    api_write(api, "UPDATE core.wallet_payment SET status = 'PROCESSING', due_at = NULL WHERE id = %s", id)
    told = {"referenceId": str(reference), "status": "SUCCESSFUL"}
    for _ in range(3):
        answer = httpx.post(f"{api.url}/api/v1/webhooks/wallets/mtn", json=told)
        assert (answer.status_code, answer.json()) == (202, {"accepted": True})
    rows = api.query("SELECT status, due_at <= now() FROM core.wallet_payment WHERE id = %s", id)
    assert rows == [("PROCESSING", True)]


def api_write(api: Any, statement: str, *values: Any) -> None:
    import psycopg

    with psycopg.connect(api.database_url) as conn:
        conn.execute(statement, values)  # type: ignore[arg-type]


@pytest.mark.parametrize("provider", ["mtn", "telecel"])
@pytest.mark.parametrize("body", [b"{}", b'{"referenceId": "x"}', b'{"data": 5}', b'{"referenceId": 7}'])
def test_callbacks_of_strangers_learn_nothing(api: Any, provider: str, body: bytes) -> None:
    answer = httpx.post(f"{api.url}/api/v1/webhooks/wallets/{provider}", content=body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": True})


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"a":'])
def test_malformed_callbacks_are_422(api: Any, body: bytes) -> None:
    answer = httpx.post(f"{api.url}/api/v1/webhooks/wallets/mtn", content=body)
    assert answer.status_code == 422


def test_airteltigo_signs(api: Any) -> None:
    url = f"{api.url}/api/v1/webhooks/wallets/airteltigo"
    body = json.dumps({"trans_ref": str(uuid4())}).encode()
    signed = hmac.new(b"sandbox-airteltigo-secret", body, hashlib.sha256).hexdigest()
    assert httpx.post(url, content=body).status_code == 401
    assert httpx.post(url, content=body + b" ", headers={"Authorization": f"c:{signed}"}).status_code == 401
    assert httpx.post(url, content=body, headers={"Authorization": f"c:{signed}"}).status_code == 202
    assert httpx.post(f"{api.url}/api/v1/webhooks/wallets/unknown", content=b"{}").status_code in (404, 422)


def test_the_sandbox_key_is_nobodys_key_with_jwt(guarded_api: Any) -> None:
    url = f"{guarded_api.url}/api/v1/webhooks/wallets/airteltigo"
    body = json.dumps({"trans_ref": str(uuid4())}).encode()
    for secret, status in ((b"sandbox-airteltigo-secret", 401), (b"a-key-of-tests", 202)):
        signed = hmac.new(secret, body, hashlib.sha256).hexdigest()
        answer = httpx.post(url, content=body, headers={"Authorization": f"c:{signed}"}, timeout=30)
        assert answer.status_code == status


def test_reports_in_three_forms(api: Any) -> None:
    for format, media in (("json", "application/json"), ("csv", "text/csv"), ("html", "text/html")):
        answer = api.get(f"/api/v1/wallets/reports/2026-11-21?format={format}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media)
    assert api.get("/api/v1/wallets/reports/today").status_code == 422
    assert api.get("/api/v1/wallets/matches?state=proposed").status_code == 200
    missing = api.post({"decision": "confirm"}, str(uuid4()), f"/api/v1/wallets/matches/{2**61}/decide")
    assert missing.status_code == 404
