"""Every bad input of the contract: refused with the right status, named, never echoed, never a 500."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

PAN = "4111111111111111"


def refused(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["error"] == problem["detail"]
    assert {"type", "title", "code"} <= problem.keys()
    return problem


@pytest.mark.parametrize("header", [None, "", '""', "x" * 256])
def test_a_key_that_is_missing_empty_or_too_long_is_400(api: Any, header: str | None) -> None:
    refused(api.post({"accountId": "A", "amount": 1}, header), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 1}, "accountId"),
        ({"accountId": None, "amount": 1}, "accountId"),
        ({"accountId": "", "amount": 1}, "accountId"),
        ({"accountId": "A"}, "amount"),
        ({"accountId": "A", "amount": None}, "amount"),
        ({"accountId": "A", "amount": ""}, "amount"),
        ({"accountId": "A", "amount": None, "surplus": 1}, "amount"),
    ],
)
def test_a_missing_null_or_empty_field_is_400(api: Any, key: str, body: dict[str, Any], field: str) -> None:
    assert refused(api.post(body, key), 400)["fields"][0]["field"] == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"accountId": 7, "amount": 1}, "accountId"),
        ({"accountId": "x" * 256, "amount": 1}, "accountId"),
        ({"accountId": "a\nb", "amount": 1}, "accountId"),
        ({"accountId": "a\u0085b", "amount": 1}, "accountId"),
        ({"accountId": "A", "amount": True}, "amount"),
        ({"accountId": "A", "amount": []}, "amount"),
        ({"accountId": "A", "amount": {}}, "amount"),
        ({"accountId": "A", "amount": "ten"}, "amount"),
        ({"accountId": "A", "amount": "1,5"}, "amount"),
        ({"accountId": "A", "amount": " 1"}, "amount"),
        ({"accountId": "A", "amount": "1_0"}, "amount"),
        ({"accountId": "A", "amount": "١"}, "amount"),
        ({"accountId": "A", "amount": "NaN"}, "amount"),
        ({"accountId": "A", "amount": "Infinity"}, "amount"),
        ({"accountId": "A", "amount": "0x10"}, "amount"),
        ({"accountId": "A", "amount": 0.1 + 0.2}, "amount"),
        ({"accountId": "A", "amount": "1.001"}, "amount"),
        ({"accountId": "A", "amount": "1.5", "currency": "JPY"}, "amount"),
        ({"accountId": "A", "amount": "1.1234", "currency": "BHD"}, "amount"),
        ({"accountId": "A", "amount": 2**63}, "amount"),
        ({"accountId": "A", "amount": "92233720368547758.08"}, "amount"),
        ({"accountId": "A", "amount": "-92233720368547758.09"}, "amount"),
        ({"accountId": "A", "amount": 10**300}, "amount"),
        ({"accountId": "A", "amount": "1e9999"}, "amount"),
        ({"accountId": "A", "amount": 1, "currency": "usd"}, "currency"),
        ({"accountId": "A", "amount": 1, "currency": "XXQ"}, "currency"),
        ({"accountId": "A", "amount": 1, "currency": None}, "currency"),
        ({"accountId": "A", "amount": 1, "currency": ""}, "currency"),
        ({"accountId": "A", "amount": 1, "description": 7}, "description"),
        ({"accountId": "A", "amount": 1, "description": "x" * 1001}, "description"),
        ({"accountId": "A", "amount": 1, "status": "completed"}, "status"),
        ({"accountId": "A", "amount": 1, "id": 7}, "id"),
        ({"accountId": "A", "amount": 1, "client_id": "x"}, "client_id"),
        ([], "body"),
        ("text", "body"),
        (7, "body"),
    ],
    ids=lambda value: json.dumps(value)[:60] if not isinstance(value, str) else value,
)
def test_a_malformed_body_is_422_and_names_the_field(api: Any, key: str, body: Any, field: str) -> None:
    problem = refused(api.post(body, key), 422)
    assert field in [f["field"] for f in problem["fields"]]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"accountId":"A","amount":NaN}',
        b'{"accountId":"A","amount":Infinity}',
        b'{"accountId":"A","amount":1,"amount":2}',
        b'{"accountId":"\xff","amount":1}',
        b'{"accountId":"\\ud800","amount":1}',
        b'{"accountId":"A","description":"\\u0000","amount":1}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"accountId":"A","amount":' + b"9" * 10_000 + b"}",
        b'{"accountId":"A","amount":1e' + b"9" * 30 + b"}",
        b'{"accountId":"A","amount":1e99999}',
        b'{"accountId":"A","amount":0.30000000000000004}',
        b'{"accountId":"A","amount":1e-99999}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_bytes_that_are_not_plain_json_are_422(api: Any, key: str, body: bytes) -> None:
    refused(api.post(body, key), 422)


def test_another_content_type_is_422(api: Any, key: str) -> None:
    body = b"accountId=A&amount=1"
    answer = api.post(body, key)
    refused(answer, 422)


def test_a_body_above_one_mebibyte_is_413_with_and_without_a_length(api: Any, key: str) -> None:
    import httpx

    body = b'{"accountId":"A","amount":1,"description":"' + b"x" * 1_048_577 + b'"}'
    refused(api.post(body, key), 413)
    chunks = (body[place : place + 65536] for place in range(0, len(body), 65536))
    answer = httpx.post(
        api.url + "/payments",
        content=chunks,
        headers={"Idempotency-Key": key, "Content-Type": "application/json"},
    )
    refused(answer, 413)
    assert api.get("/health").status_code == 200


def test_a_body_of_just_one_mebibyte_is_read(api: Any, key: str) -> None:
    body = b'{"accountId":"A","amount":1}'.ljust(1_048_576)
    assert api.post(body, key).status_code == 201


def test_unknown_paths_and_methods_are_problems(api: Any) -> None:
    import httpx

    refused(api.get("/nowhere"), 404)
    refused(httpx.delete(api.url + "/payments"), 405)


def test_a_rebound_name_is_turned_away(api: Any, key: str) -> None:
    refused(api.post({"accountId": "A", "amount": 1}, key, Host="evil.example"), 421)
    assert api.get("/health", Host=f"localhost:{api.port}").status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /payments HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /payments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET /payments?q=\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
    ],
    ids=repr,
)
def test_raw_garbage_is_a_client_error(api: Any, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", api.port), 5) as conn:
        conn.sendall(raw)
        first = conn.recv(64)
    assert first.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200")), first


FIELDS = ["accountId", "amount", "currency", "description", "surplus", PAN]


@pytest.mark.parametrize("field", FIELDS)
def test_a_card_number_is_neither_echoed_nor_logged(api: Any, key: str, field: str) -> None:
    body: dict[str, Any] = {"accountId": "A", "amount": 1, field: PAN}
    wrong = body | {"wrong": 1, "currency": body.get("currency", "USD")}
    assert PAN not in api.post(wrong, key).text
    api.post(body, f"k-{key}")
    api.post({"payments": [wrong, {PAN: PAN}]}, path="/payments/batch")
    assert PAN not in api.post(b'{"%s": "%s", ' % (PAN.encode(), PAN.encode()), key).text
    assert PAN not in api.get(f"/payments?limit={PAN}&cursor={PAN}&status={PAN}&{PAN}={PAN}").text
    api.get(f"/payments?q={PAN}&accountId={PAN}")
    assert PAN not in api.get(f"/payments/{PAN}").text
    api.get(f"/accounts/{PAN}/balance")
    api.post({"accountId": "A", "amount": 1}, PAN + key)
    assert PAN not in api.get("/metrics").text
    assert PAN not in api.log.read_text()


def test_logs_are_one_json_object_a_line_without_contents(api: Any, key: str) -> None:
    secret = "Geheim" + key
    forged = f'{secret}\n{{"level":"forged"}}'
    api.post({"accountId": secret, "amount": "90210.23", "description": forged}, key)
    api.get("/nowhere%0A{level", **{"User-Agent": secret})
    lines = [json.loads(line) for line in api.log.read_text().splitlines()]
    assert all(line["level"] in ("debug", "info", "warning", "error") for line in lines)
    text = api.log.read_text()
    assert secret not in text
    assert key not in text
    assert "90210.23" not in text
