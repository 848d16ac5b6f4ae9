"""Many at once: one key is one payment, whoever else is busy."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

BODY = {"accountId": "ACC-1", "amount": "250.00"}


async def storm(
    url: str, requests: list[tuple[str, dict[str, Any]]], path: str = "/payments"
) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
        return await asyncio.gather(
            *(client.post(path, json=body, headers={"Idempotency-Key": key}) for key, body in requests)
        )


async def test_500_requests_with_one_key_make_one_payment_and_one_job(api: Any, key: str) -> None:
    answers = await storm(api.url, [(key, BODY)] * 500)
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() <= {201, 200, 409}
    assert statuses[201] == 1
    ids = {answer.json()["id"] for answer in answers if answer.status_code != 409}
    assert len(ids) == 1
    assert len(api.query("SELECT FROM payments WHERE idempotency_key = %s", key)) == 1
    assert len(api.query("SELECT FROM recon_jobs WHERE payment_id = %s", UUID(ids.pop()))) == 1


async def test_two_processes_agree_on_one_key(api: Any, own_api: Any, key: str) -> None:
    own_api.database_url = api.database_url
    own_api.start()
    first, second = await asyncio.gather(
        storm(api.url, [(key, BODY)] * 150), storm(own_api.url, [(key, BODY)] * 150)
    )
    statuses = Counter(answer.status_code for answer in [*first, *second])
    assert statuses.keys() <= {201, 200, 409}
    assert statuses[201] == 1
    assert len(api.query("SELECT FROM payments WHERE idempotency_key = %s", key)) == 1


async def test_opposing_batches_do_not_deadlock(api: Any) -> None:
    run = str(uuid4())
    items = [{"idempotencyKey": f"{run}-{n}", **BODY} for n in range(100)]
    bodies = [{"payments": items if n % 2 else items[::-1]} for n in range(10)]
    answers = await storm(api.url, [("", body) for body in bodies], "/payments/batch")
    assert {answer.status_code for answer in answers} == {200}
    statuses = Counter(result["status"] for answer in answers for result in answer.json()["results"])
    assert statuses == {201: 100, 200: 900}


async def test_different_payments_at_once_are_all_taken(api: Any) -> None:
    run = str(uuid4())
    answers = await storm(api.url, [(f"{run}-{n}", BODY | {"amount": n}) for n in range(300)])
    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json()["amount"] for answer in answers] == [f"{n}.00" for n in range(300)]


async def test_a_key_in_flight_elsewhere_is_409_and_holds_nobody_else_up(api: Any, key: str) -> None:
    others = [(f"{key}-{n}", BODY) for n in range(40)]
    with psycopg.connect(api.database_url) as conn:
        conn.execute(
            "INSERT INTO core.idempotency_key (client, key, route, status) "
            "VALUES ('local', %s, 'elsewhere', 201)",
            [key],
        )
        answers = await storm(api.url, [*others[:20], *[(key, BODY)] * 5, *others[20:]])
        conn.rollback()
    held, rest = answers[20:25], answers[:20] + answers[25:]
    assert {answer.status_code for answer in held} == {409}
    assert held[0].json()["code"] == "idempotency_key_in_flight"
    assert int(held[0].headers["Retry-After"]) >= 1
    assert {answer.status_code for answer in rest} == {201}
    assert api.post(BODY, key).status_code == 201
