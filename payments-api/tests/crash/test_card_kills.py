"""The connection dies before, between and behind any two statements: nothing is left, or all of it is.

Must not end a backend that is not the test's own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from payments_schema.cards import books, store
from payments_schema.ledger.audit import integrity
from payments_schema.testing import url_of
from payments_schema.wire.cards import AuthorizeCard, CaptureCard, NothingAsked, RefundCard
from psycopg import AsyncConnection

from payments_api.cards import operations
from payments_api.cards.operations import Answer, Asked, Terms

TERMS = Terms(300, timedelta(days=7))
MOST_STATEMENTS = 25


class Mortal(AsyncConnection[Any]):
    """A connection whose backend is ended before its n-th statement."""

    statements = 0
    dies_at = 0
    server_url = ""

    async def execute(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        self.statements += 1
        if self.statements == self.dies_at:
            with psycopg.connect(self.server_url, autocommit=True) as killer:
                killer.execute("SELECT pg_terminate_backend(%s, 5000)", [self.info.backend_pid])
        return await super().execute(*args, **kwargs)


async def act(conn: AsyncConnection[Any], asked: Asked) -> Answer:
    (answer,) = await operations.flush(conn, [asked], TERMS)
    assert isinstance(answer, Answer), answer
    return answer


async def one_life(database_url: str, server: str, asked: Asked, dies_at: int) -> bool:
    """Ask on a connection that dies; says whether it got an answer all the same."""
    conn = await Mortal.connect(database_url, autocommit=True)
    conn.statements, conn.dies_at, conn.server_url = 0, dies_at, server
    try:
        await act(conn, asked)
    except psycopg.OperationalError:
        return False
    finally:
        await conn.close()
    return conn.statements < dies_at


@pytest.mark.parametrize("step", ["authorize", "capture", "void", "settle", "refund"])
async def test_nothing_or_a_complete_result(
    database_url: str, server_url: str, database_name: str, step: str
) -> None:
    superuser = url_of(server_url, database_name)
    async with await AsyncConnection.connect(database_url, autocommit=True) as conn:
        for dies_at in range(1, MOST_STATEMENTS):
            asked = await before(conn, step)
            is_through = await one_life(database_url, superuser, asked, dies_at)
            await nothing_or_all(conn)
            again = await act(conn, asked)
            assert again.is_replay or not is_through
            assert (await act(conn, asked)) == again._replace(is_replay=True)
            payment = await store.get(conn, again.payment["id"])
            entries = await books.entries(conn, payment.id)
            assert books.disagreements(books.testimony(entries), payment) == []
            if is_through:
                break
        else:
            raise AssertionError("no life was long enough")
        assert dies_at > 5
        assert (await integrity(conn)).ok


async def before(conn: AsyncConnection[Any], step: str) -> Asked:
    """Bring a payment to where `step` is due, and return the request for it."""
    opened = Asked("c", operations.AUTHORIZE, AuthorizeCard(amount=1000, currency="USD"), key=uuid4().hex)
    if step == "authorize":
        return opened
    id = (await act(conn, opened)).payment["id"]
    if step in ("settle", "refund"):
        await act(conn, Asked("c", operations.CAPTURE, CaptureCard(amount=600), id, uuid4().hex))
    route, body = {
        "capture": (operations.CAPTURE, CaptureCard(amount=600)),
        "void": (operations.VOID, NothingAsked()),
        "settle": (operations.SETTLE, NothingAsked()),
        "refund": (operations.REFUND, RefundCard(amount=100)),
    }[step]
    return Asked("c", route, body, id, uuid4().hex)


async def nothing_or_all(conn: AsyncConnection[Any]) -> None:
    """Key, payment, posting and event of the request are all there, or none of them is."""
    counted = await conn.execute(
        """
        SELECT (SELECT count(*) FROM core.idempotency_key), (SELECT count(*) FROM ledger.transaction),
            (SELECT count(*) FROM core.event)
        """
    )
    keys, transactions, events = await counted.fetchone() or (0, 1, 2)
    assert keys == transactions == events
    opened = await conn.execute(
        """
        SELECT (SELECT count(*) FROM core.card_payment),
            (SELECT count(*) FROM ledger.transaction WHERE key = 'authorize')
        """
    )
    payments, authorizations = await opened.fetchone() or (0, 1)
    assert payments == authorizations
