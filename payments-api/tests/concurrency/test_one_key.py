"""Many at once: one key is one payment, whoever else is busy."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg

BODY = {"accountId": "ACC-1", "amount": "250.00"}
Request = tuple[str, dict[str, Any]]


@dataclass
class Answer:
    """An answer read by hand: hundreds at once would otherwise measure the client."""

    status_code: int
    head: str
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


async def storm(
    url: str, requests: list[tuple[str, dict[str, Any]]], path: str = "/payments"
) -> list[Answer]:
    """Send all at once, each on a connection of its own; answers in order."""
    port = int(url.rpartition(":")[2])
    return await asyncio.gather(*(send(port, path, key, body) for key, body in requests))


async def send(port: int, path: str, key: str, body: dict[str, Any]) -> Answer:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + content)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    received, _, content = answer.partition(b"\r\n\r\n")
    return Answer(int(received[9:12]), received.decode().lower(), content)


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
    assert "retry-after: 1" in held[0].head
    assert {answer.status_code for answer in rest} == {201}
    assert api.post(BODY, key).status_code == 201
