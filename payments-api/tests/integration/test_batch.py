"""Payments by the thousand."""

from __future__ import annotations

from typing import Any
from uuid import uuid4


def items(count: int, **more: Any) -> list[dict[str, Any]]:
    run = uuid4()
    return [
        {"idempotencyKey": f"{run}-{n}", "accountId": f"ACC-{n}", "amount": n, **more} for n in range(count)
    ]


def send(api: Any, payments: Any) -> Any:
    return api.post({"payments": payments}, path="/payments/batch")


def test_a_thousand_in_order_and_their_replay(api: Any) -> None:
    payments = items(1000)
    first = send(api, payments)
    assert first.status_code == 200
    results = first.json()["results"]
    assert [r["status"] for r in results] == [201] * 1000
    assert [r["payment"]["idempotency_key"] for r in results] == [p["idempotencyKey"] for p in payments]
    assert [r["payment"]["amount"] for r in results] == [f"{n}.00" for n in range(1000)]
    again = send(api, payments).json()["results"]
    assert [r["status"] for r in again] == [200] * 1000
    assert [r["payment"] for r in again] == [r["payment"] for r in results]


def test_a_bad_item_fails_alone(api: Any) -> None:
    good = items(2)
    bad: list[Any] = [
        {"accountId": "A", "amount": 1},
        {"idempotencyKey": "", "accountId": "A", "amount": 1},
        {"idempotencyKey": str(uuid4()), "accountId": "A", "amount": None},
        {"idempotencyKey": str(uuid4()), "accountId": "A", "amount": "1.001"},
        {"idempotencyKey": str(uuid4()), "accountId": "A", "amount": 1, "id": 7},
        {"idempotencyKey": "x" * 256, "accountId": "A", "amount": 1},
        {"idempotencyKey": good[0]["idempotencyKey"], "accountId": "other", "amount": 1},
        "no object",
        None,
        [],
    ]
    results = send(api, [good[0], *bad, good[1]]).json()["results"]
    assert [r["status"] for r in results] == [201, 400, 400, 400, 422, 422, 422, 422, 422, 422, 422, 201]
    assert all(r["error"]["code"] and r["error"]["error"] for r in results[1:-1])
    assert results[4]["error"]["fields"][0]["field"] == "amount"


def test_the_same_key_twice_in_one_batch_is_a_replay(api: Any) -> None:
    (item,) = items(1)
    first, second = send(api, [item, item]).json()["results"]
    assert (first["status"], second["status"]) == (201, 200)
    assert first["payment"] == second["payment"]


def test_none_and_too_many_are_422(api: Any) -> None:
    assert send(api, []).status_code == 422
    assert send(api, items(1001)).status_code == 422
    assert send(api, "x").status_code == 422
    assert api.post({"payments": items(1), "more": 1}, path="/payments/batch").status_code == 422


def test_the_header_is_not_needed_and_not_used(api: Any, key: str) -> None:
    payments = items(1)
    assert api.post({"payments": payments}, key, path="/payments/batch").json()["results"][0]["status"] == 201
    assert api.post({"accountId": "A", "amount": 1}, key).status_code == 201
