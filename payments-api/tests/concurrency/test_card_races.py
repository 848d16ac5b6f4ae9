"""Two operations on one card payment at once: the result is that of one after the other, in some order.

Must not go through one batcher alone, which would order everything by itself.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from payments_schema.cards import books, store
from payments_schema.cards.oracle import Oracle
from payments_schema.errors import IdempotencyKeyInFlight, InvalidAmount
from payments_schema.ledger.audit import integrity
from payments_schema.wire.cards import AuthorizeCard, CaptureCard, NothingAsked, RefundCard
from psycopg import AsyncConnection

from payments_api.cards import operations
from payments_api.cards.operations import Answer, Asked, Terms

TERMS = Terms(300, timedelta(days=7))
BASE = "/api/v1/payments"
MOVES = {
    "capture": (operations.CAPTURE, CaptureCard(), None),
    "capture 600": (operations.CAPTURE, CaptureCard(amount=600), 600),
    "void": (operations.VOID, NothingAsked(), None),
    "settle": (operations.SETTLE, NothingAsked(), None),
    "refund": (operations.REFUND, RefundCard(), None),
    "refund 300": (operations.REFUND, RefundCard(amount=300), 300),
}
BEGINNINGS: dict[str, list[str]] = {
    "authorized": [],
    "partly captured": ["capture 600"],
    "captured": ["capture"],
    "partly refunded": ["capture", "refund 300"],
    "settled": ["capture", "settle"],
}


def asked(move: str, payment_id: str, key: str | None = None) -> Asked:
    route, body, _ = MOVES[move]
    return Asked("c", route, body, payment_id, key or uuid4().hex)


def word(answer: object) -> str:
    if isinstance(answer, Answer):
        return "done"
    return "too_large" if isinstance(answer, InvalidAmount) else "conflict"


def tell(oracle: Oracle, move: str) -> str:
    act = getattr(oracle, move.split()[0])
    return act() if move in ("void", "settle") else act(MOVES[move][2])


def serial_outcomes(beginning: str, first: str, second: str) -> set[tuple[str, str, str]]:
    """What (answer of first, answer of second, final status) may be, one after the other."""
    allowed: set[tuple[str, str, str]] = set()
    for is_swapped in (False, True):
        oracle = Oracle(1000, 300)
        for move in BEGINNINGS[beginning]:
            assert tell(oracle, move) == "done"
        order = (second, first) if is_swapped else (first, second)
        words = [tell(oracle, move) for move in order]
        mine, other = reversed(words) if is_swapped else words
        allowed.add((mine, other, oracle.status))
    return allowed


async def begin(conn: AsyncConnection[Any], beginning: str) -> str:
    opened = Asked("c", operations.AUTHORIZE, AuthorizeCard(amount=1000, currency="USD"), key=uuid4().hex)
    (made,) = await operations.flush(conn, [opened], TERMS)
    assert isinstance(made, Answer)
    for move in BEGINNINGS[beginning]:
        (done,) = await operations.flush(conn, [asked(move, made.payment["id"])], TERMS)
        assert isinstance(done, Answer)
    return made.payment["id"]


async def check(conn: AsyncConnection[Any], payment_id: str) -> None:
    """The payment, its entries and the books agree."""
    payment = await store.get(conn, payment_id)
    entries = await books.entries(conn, payment_id)
    assert books.disagreements(books.testimony(entries), payment) == []


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_every_pair_of_operations(database_url: str, beginning: str) -> None:
    async with (
        await AsyncConnection.connect(database_url, autocommit=True) as one,
        await AsyncConnection.connect(database_url, autocommit=True) as two,
    ):
        for first, second in itertools.combinations_with_replacement(MOVES, 2):
            for _ in range(3):
                payment_id = await begin(one, beginning)
                (mine,), (other,) = await asyncio.gather(
                    operations.flush(one, [asked(first, payment_id)], TERMS),
                    operations.flush(two, [asked(second, payment_id)], TERMS),
                )
                status = (await store.get(one, payment_id)).status.value
                seen = (word(mine), word(other), status)
                assert seen in serial_outcomes(beginning, first, second), (first, second)
                await check(one, payment_id)
        assert (await integrity(one)).ok


async def test_equal_requests_on_many_connections_count_once(database_url: str) -> None:
    conns = [await AsyncConnection.connect(database_url, autocommit=True) for _ in range(8)]
    try:
        for _ in range(20):
            payment_id = await begin(conns[0], "authorized")
            same = asked("capture 600", payment_id, uuid4().hex)
            answers = [
                answer
                for (answer,) in await asyncio.gather(*(operations.flush(c, [same], TERMS) for c in conns))
            ]
            done = [answer for answer in answers if isinstance(answer, Answer)]
            assert sum(not answer.is_replay for answer in done) == 1
            assert all(isinstance(answer, Answer | IdempotencyKeyInFlight) for answer in answers)
            assert len({answer.payment["updated_at"] for answer in done}) == 1
            assert (await store.get(conns[0], payment_id)).captured_minor == 600
    finally:
        for conn in conns:
            await conn.close()


async def test_hundreds_of_equal_requests_over_http(api: Any) -> None:
    async with httpx.AsyncClient(base_url=api.url, limits=httpx.Limits(max_connections=50)) as client:

        async def post(path: str, key: str, body: Any) -> httpx.Response:
            return await client.post(BASE + path, json=body, headers={"Idempotency-Key": key})

        key, body = uuid4().hex, {"amount": 1000, "currency": "USD"}
        answers = await asyncio.gather(*(post("/authorize", key, body) for _ in range(300)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        id = made.pop()
        assert api.query("SELECT count(*) FROM ledger.transaction WHERE reference = %s", id) == [(1,)]
        answers = await asyncio.gather(
            *(post(f"/{id}/capture", f"{key}-{n}", {"amount": 7}) for n in range(200))
        )
        assert sum(answer.status_code == 200 for answer in answers) == 1000 // 7
        assert {answer.status_code for answer in answers} == {200, 422}
        shown = (await client.get(f"{BASE}/{id}")).json()
        assert (shown["captured_amount"], shown["fee_amount"]) == (994, 29)


async def test_many_clients_at_once_end_with_books_that_agree(database_url: str) -> None:
    """Random moves of eight connections on six payments, in batches that overlap."""
    import random

    conns = [await AsyncConnection.connect(database_url, autocommit=True) for _ in range(8)]
    payments = [await begin(conns[0], "authorized") for _ in range(6)]

    async def client(conn: AsyncConnection[Any], seed: int) -> int:
        chance = random.Random(seed)
        done = 0
        for _ in range(15):
            batch = [
                asked(chance.choice(["capture 600", "refund 300", "settle", "void", "refund"]), one)
                for one in chance.sample(payments, 3)
            ]
            done += sum(isinstance(answer, Answer) for answer in await operations.flush(conn, batch, TERMS))
        return done

    try:
        done = await asyncio.gather(*(client(conn, seed) for seed, conn in enumerate(conns)))
        assert sum(done) >= 6
        for payment_id in payments:
            await check(conns[0], payment_id)
        assert (await integrity(conns[0])).ok
    finally:
        for conn in conns:
            await conn.close()
