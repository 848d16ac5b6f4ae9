"""Reads what a wallet payment has in the ledger: its journal, its T-accounts, and what follows from them.

Must not decide anything: where the payment's row and its entries differ, both are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.ledger import journal
from payments_schema.ledger.journal import BookedEntry
from payments_schema.wallets import store, witness
from payments_schema.wallets.model import WalletPayment
from payments_schema.wire.ledger import Direction
from payments_schema.wire.wallets import WalletLedger, WalletWitness

Connection = AsyncConnection[TupleRow]


async def of_payment(conn: Connection, payment_id: str) -> WalletLedger:
    """Return a payment's journal, its T-accounts, and what follows from them.

    conn: in a transaction that has done nothing yet. Raises PaymentNotFound.
    """
    await journal.one_snapshot(conn)
    payment = await store.get(conn, payment_id)
    booked = await journal.entries(conn, payment_id)
    return WalletLedger(
        payment_id=payment_id,
        trace_id=payment.trace_id,
        transactions=[journal.transaction(group) for group in journal.by_transaction(booked)],
        accounts=journal.t_accounts(booked),
        witness=_seen(booked, payment),
    )


def _seen(booked: Sequence[BookedEntry], payment: WalletPayment) -> WalletWitness:
    seen = witness.testify(
        witness.Line(entry.kind, entry.account, Direction(entry.direction), entry.amount_minor)
        for entry in booked
    )
    problems = witness.disagreements(seen, payment)
    return WalletWitness(
        status=payment.status,
        paid_amount=seen.paid_minor,
        collected_amount=seen.collected_minor,
        refunded_amount=seen.refunded_minor,
        fee_amount=seen.fee_minor,
        clearing_amount=seen.clearing_minor,
        owner_amount=seen.owner_minor,
        agrees=not problems,
        problems=problems,
    )
