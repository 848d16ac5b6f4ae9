"""Payments, credit notes, voids, allocations and refunds of one customer, interleaved on several connections.

Each round carries a few of them out at once. Whatever order the locks made of them, the sums are those of
some order: nothing is lost, nothing counted twice, no refusal left a trace. Must not touch HTTP.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payments_schema.errors import InvalidAmount, InvalidTransition
from payments_schema.events import store as events
from payments_schema.invoices import facts, inbox, lifecycle, movements, store
from payments_schema.invoices.inbox import Arrived
from payments_schema.ledger import store as ledger
from payments_schema.ledger.audit import INVOICE_CHECKS, LEDGER_CHECKS, integrity
from payments_schema.wire.invoices import CreateInvoice, RefundCredit
from psycopg import AsyncConnection

from payments_api.invoices import operations

AMOUNTS = st.none() | st.integers(1, 300)
DEEDS = st.tuples(
    st.sampled_from(["pay", "pay", "allocate", "allocate", "refund", "note", "void"]),
    st.integers(0, 1),
    AMOUNTS,
)
ROUNDS = st.lists(st.lists(DEEDS, min_size=1, max_size=4), min_size=1, max_size=5)


async def pay(conn: AsyncConnection[Any], invoice_id: UUID, cents: int) -> None:
    """What the worker does with an event."""
    held = await store.lock(conn, invoice_id)
    event = Arrived(uuid4(), invoice_id, cents, "{}")
    await inbox.accept(conn, [event])
    change = lifecycle.pay(held, event.event_id, cents, datetime.now(UTC))
    [waiting] = await inbox.waiting_of(conn, [invoice_id], 1)
    await inbox.mark_applied(conn, [(waiting.number, change)])
    await store.save(conn, [change.invoice])
    await store.add_credit(conn, {(held.debtor, held.currency): change.credit_minor})
    await ledger.post(conn, movements.of(change))
    await events.record_many(conn, facts.of(change))


async def carry_out(url: str, customer: str, invoice_id: UUID, action: str, amount: int | None) -> int:
    """Do it in a transaction of its own; returns what a payment or refund moved, 0 where it was refused."""
    async with await AsyncConnection.connect(url) as conn:
        try:
            match action:
                case "pay":
                    await pay(conn, invoice_id, amount or 100)
                    return amount or 100
                case "allocate":
                    await operations.allocate(conn, invoice_id, amount)
                case "note":
                    await operations.credit_note(conn, invoice_id, amount, None)
                case "void":
                    await operations.void(conn, invoice_id, None)
                case _:
                    before = dict(await store.credits_of(conn, customer)).get("USD", 0)
                    asked = RefundCredit(customer=customer, amount_cents=amount)
                    left = (await operations.refund_credit(conn, asked, limit=None)).credit_cents
                    return -(amount if amount is not None else before - left)
        except (InvalidAmount, InvalidTransition):
            await conn.rollback()
        return 0


async def live(url: str, rounds: list[list[tuple[str, int, int | None]]]) -> None:
    customer = f"C-{uuid4()}"
    async with await AsyncConnection.connect(url) as conn:
        made = [
            (await operations.create(conn, "c", CreateInvoice(total_cents=total, customer=customer))).id
            for total in (250, 100)
        ]
        await conn.commit()
        moved = 0
        for deeds in rounds:
            # All of a refund is as much as there is by then: alone in its round, or its amount is not known.
            wanted = [
                (action, place, 50 if action == "refund" and amount is None and len(deeds) > 1 else amount)
                for action, place, amount in deeds
            ]
            moved += sum(
                await asyncio.gather(*(carry_out(url, customer, made[p], a, n) for a, p, n in wanted))
            )
        credit = dict(await store.credits_of(conn, customer)).get("USD", 0)
        shown = [await store.get(conn, id_) for id_ in made]
        # What came in and did not go back is on the invoices or the customer's credit, to the cent.
        assert sum(invoice.paid_minor for invoice in shown) + credit == moved
        assert all(invoice.open_minor >= 0 for invoice in shown)


def test_any_interleaving_adds_up(database_url: str) -> None:
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(rounds=ROUNDS)
    def check(rounds: list[list[tuple[str, int, int | None]]]) -> None:
        asyncio.run(live(database_url, rounds))

    check()

    async def audit() -> None:
        async with await AsyncConnection.connect(database_url) as conn:
            found = await integrity(conn, (*LEDGER_CHECKS, *INVOICE_CHECKS))
            assert found.ok, [one for one in found.checks if not one.ok]

    asyncio.run(audit())
