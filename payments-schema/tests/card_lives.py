"""Lives of card payments for tests: changes in a row, and all that they write. Must not hold assertions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from payments_schema import ids
from payments_schema.cards import facts, lifecycle, movements, store
from payments_schema.cards.lifecycle import CardPayment, Change
from payments_schema.events import store as events
from payments_schema.idempotency.batch import KeptAnswer, save_many
from payments_schema.ledger import store as ledger

BEGUN = datetime(2026, 11, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
Step = Callable[[CardPayment], Change]


def a_card(amount: int = 1000, *, id: str | None = None, **rest: Any) -> lifecycle.Authorized:
    """A fresh authorization."""
    asked: dict[str, Any] = {
        "client": "client",
        "account_id": None,
        "currency": "USD",
        "fee_bps": 300,
        "description": None,
        "metadata": {},
        "now": BEGUN,
        "hold_for": WEEK,
    }
    return lifecycle.authorize(id=id or ids.new_id("pay"), amount_minor=amount, **asked | rest)


def captured(amount: int | None = None) -> Step:
    return lambda payment: lifecycle.capture(payment, amount, BEGUN)


def refunded(amount: int | None = None) -> Step:
    return lambda payment: lifecycle.refund(payment, amount, None, BEGUN)


def voided(payment: CardPayment) -> Change:
    return lifecycle.void(payment, BEGUN)


def settled(payment: CardPayment) -> Change:
    return lifecycle.settle(payment, BEGUN)


def expired(payment: CardPayment) -> Change:
    lapsed = lifecycle.lapse(payment, BEGUN + WEEK)
    assert lapsed is not None
    return lapsed


def life(*steps: Step, **asked: Any) -> list[Change]:
    """The changes of one payment, one after the other."""
    changes: list[Change] = [a_card(**asked)]
    for step in steps:
        changes.append(step(changes[-1].payment))
    return changes


LIVES: dict[str, tuple[Step, ...]] = {
    "authorized": (),
    "captured in part": (captured(600),),
    "captured twice": (captured(600), captured(300)),
    "voided": (voided,),
    "voided rest": (captured(600), voided),
    "expired": (expired,),
    "expired rest": (captured(600), expired),
    "settled": (captured(), settled),
    "settled with a rest": (captured(600), settled),
    "partly refunded": (captured(600), captured(), refunded(100)),
    "partly refunded, settled": (captured(), refunded(100), settled),
    "settled, partly refunded": (captured(), settled, refunded(100)),
    "refunded": (captured(600), captured(), refunded(100), refunded()),
}


async def write(conn: AsyncConnection[Any], *changes: Change) -> CardPayment:
    """Save, post and record changes as the programs do, in one transaction; the last one's payment."""
    await store.save(conn, changes)
    await ledger.post_many(conn, [movements.of(change) for change in changes])
    await events.record_many(conn, [facts.of(change) for change in changes])
    id = changes[-1].payment.id
    await save_many(conn, [KeptAnswer("client", id, "route", {}, 201, {"id": id, "kind": "card"}, id)])
    await conn.commit()
    return changes[-1].payment
