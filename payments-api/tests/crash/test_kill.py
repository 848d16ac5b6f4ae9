"""kill -9 of the API while payments are under way: the same key answers with the same payment."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import Any
from uuid import UUID

import httpx
import pytest

BODY = {"accountId": "ACC-1", "amount": "250.00"}


async def pay(client: httpx.AsyncClient, key: str) -> httpx.Response | None:
    try:
        return await client.post("/payments", json=BODY, headers={"Idempotency-Key": key})
    except httpx.HTTPError:
        return None


async def kill_while_paying(api: Any, run: str, delay_s: float) -> dict[str, httpx.Response | None]:
    """Send 40 payments, kill the process after `delay_s`; the answers that made it, by key."""
    keys = [f"{run}-{n}" for n in range(40)]
    async with httpx.AsyncClient(base_url=api.url, timeout=60) as client:
        payments = [asyncio.create_task(pay(client, key)) for key in keys]
        await asyncio.sleep(delay_s)
        api.process.send_signal(signal.SIGKILL)
        answers = await asyncio.gather(*payments)
    api.process.wait(60)
    return dict(zip(keys, answers, strict=True))


def check_nothing_is_half_done(api: Any) -> None:
    halves = api.query(
        """
        SELECT k.key FROM core.idempotency_key AS k
        FULL JOIN core.payment AS p ON p.client = k.client AND p.idempotency_key = k.key
        FULL JOIN core.recon_job AS j ON j.payment_id = p.id
        LEFT JOIN dramatiq.queue AS q ON q.message_id = j.message_id
        LEFT JOIN core.event AS e ON e.subject = p.id::text
        WHERE k.key IS NULL OR p.id IS NULL OR j.id IS NULL OR q.message_id IS NULL OR e.id IS NULL
            OR k.resource_id <> p.id::text
        """
    )
    assert halves == []


async def crash(api: Any, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    for round_number in range(kills):
        api.start()
        answers = await kill_while_paying(api, f"{seed}-{round_number}", chance.uniform(0, 0.08))
        check_nothing_is_half_done(api)
        api.start()
        async with httpx.AsyncClient(base_url=api.url, timeout=60) as client:
            again = await asyncio.gather(*(pay(client, key) for key in answers))
        for (key, first), second in zip(answers.items(), again, strict=True):
            assert second is not None
            assert second.status_code in (200, 201), second.text
            if first is not None:
                assert first.status_code == 201
                assert second.status_code == 200
                assert second.content == first.content
            assert api.query("SELECT id FROM payments WHERE idempotency_key = %s", key) == [
                (UUID(second.json()["id"]),)
            ]
        check_nothing_is_half_done(api)
        api.stop(signal.SIGKILL)


async def test_a_kill_loses_and_doubles_nothing(own_api: Any) -> None:
    await crash(own_api, kills=3, seed=20261121)


@pytest.mark.long
async def test_200_kills_lose_and_double_nothing(own_api: Any) -> None:
    await crash(own_api, kills=200, seed=7)


async def test_sigterm_answers_what_was_taken_and_exits_0(own_api: Any) -> None:
    own_api.start()
    async with httpx.AsyncClient(base_url=own_api.url, timeout=60) as client:
        await client.get("/health")
        payments = [asyncio.create_task(pay(client, f"stop-{n}")) for n in range(40)]
        await asyncio.sleep(0.03)
        own_api.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*payments)
    assert own_api.process.wait(60) == 0
    stored = {row[0] for row in own_api.query("SELECT idempotency_key FROM payments")}
    answered = {
        f"stop-{n}" for n, answer in enumerate(answers) if answer is not None and answer.status_code == 201
    }
    assert {answer.status_code for answer in answers if answer is not None} <= {201, 503}
    assert answered == stored
