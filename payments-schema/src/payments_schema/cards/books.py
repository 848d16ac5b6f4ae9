"""Reads what card payments have in the ledger: a payment's journal and T-accounts, an account's balance.

Must not read the payment's own row: what is shown here is what the books say.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids
from payments_schema.cards import store, witness
from payments_schema.cards.lifecycle import CardPayment, RefundPart
from payments_schema.errors import NotFound
from payments_schema.ledger import journal
from payments_schema.ledger.journal import BookedEntry, entries
from payments_schema.ledger.posting import chart_code
from payments_schema.wire.cards import (
    AccountSide,
    CardLedger,
    CardTransaction,
    CardWitness,
    LedgerAccountBalance,
    RefundedPart,
)
from payments_schema.wire.ledger import Direction

Connection = AsyncConnection[TupleRow]


async def of_payment(conn: Connection, payment_id: str) -> CardLedger:
    """Return a payment's journal, its T-accounts, and what follows from them.

    conn: in a transaction that has done nothing yet. Raises PaymentNotFound.
    """
    await journal.one_snapshot(conn)
    payment = await store.get(conn, payment_id)
    booked = await entries(conn, payment_id)
    returned = await store.refund_parts(conn, payment_id)
    return CardLedger(
        payment_id=payment_id,
        transactions=[_transaction(group, returned) for group in journal.by_transaction(booked)],
        accounts=journal.t_accounts(booked),
        witness=_seen(testimony(booked), payment),
    )


def testimony(booked: Sequence[BookedEntry]) -> witness.Testimony:
    """Let the entries of one payment speak for themselves."""
    steps: dict[int, witness.Step] = {}
    lines: dict[int, list[witness.Line]] = {}
    for entry in booked:
        of_step = lines.setdefault(entry.transaction, [])
        steps.setdefault(entry.transaction, witness.Step(entry.kind, entry.key, of_step))
        of_step.append(
            witness.Line(entry.account, Direction(entry.direction), entry.amount_minor, entry.currency)
        )
    return witness.testify(list(steps.values()))


def disagreements(seen: witness.Testimony, payment: CardPayment) -> list[str]:
    """Name what the payment's row says otherwise than its entries, and what is wrong with these."""
    pairs = {
        "status": (seen.status, payment.status),
        "authorized_amount": (seen.authorized_minor, payment.authorized_minor),
        "captured_amount": (seen.captured_minor, payment.captured_minor),
        "fee_amount": (seen.fee_minor, payment.fee_minor),
        "refunded_amount": (seen.refunded_minor, payment.refunded_minor),
        "refunded_fee": (seen.fee_refunded_minor, payment.fee_refunded_minor),
        "held_amount": (seen.held_minor, payment.held_minor),
        "settled_amount": (seen.settled_minor, payment.settled_minor),
    }
    differing = [
        f"{name}: entries say {told}, the payment says {has}"
        for name, (told, has) in pairs.items()
        if told != has
    ]
    return [*seen.problems, *differing]


def _seen(seen: witness.Testimony, payment: CardPayment) -> CardWitness:
    problems = disagreements(seen, payment)
    return CardWitness(
        status=seen.status or payment.status,
        authorized_amount=seen.authorized_minor,
        captured_amount=seen.captured_minor,
        refunded_amount=seen.refunded_minor,
        fee_amount=seen.fee_minor,
        held_amount=seen.held_minor,
        settled_amount=seen.settled_minor,
        agrees=not problems,
        problems=problems,
    )


def _transaction(booked: Sequence[BookedEntry], returned: dict[int, list[RefundPart]]) -> CardTransaction:
    step, _, count = booked[0].key.partition("-")
    parts = (
        [
            RefundedPart(capture=p.capture, merchant_amount=p.merchant_minor, fee_amount=p.fee_minor)
            for p in returned.get(int(count), [])
        ]
        if step == "refund"
        else None
    )
    return CardTransaction(**dict(journal.transaction(booked)), returns=parts)


_BALANCES: LiteralString = """
SELECT a.owner_kind, a.code, a.currency, a.normal_side, b.posted_dr, b.posted_cr
FROM ledger.account AS a
JOIN ledger.balance AS b ON b.account_id = a.id
WHERE a.id = %(number)s
    OR a.code = %(code)s AND a.owner_kind IN (
        'customer', 'customer_funds', 'customer_holds', 'wallet', 'platform')
ORDER BY a.owner_kind, a.currency
"""


async def balance_of(conn: Connection, account_id: str) -> LedgerAccountBalance:
    """Return the balances behind an id: `acc_…`, a code of the chart, or a customer's own id.

    Raises NotFound where the ledger has no such account.
    """
    number = ids.parse_sequence_id("acc", account_id)
    found = await conn.execute(
        _BALANCES, {"number": number, "code": account_id if number is None else None}, prepare=False
    )
    balances = [_side(*row) for row in await found.fetchall()]
    if not balances:
        raise NotFound("There is no such account")
    return LedgerAccountBalance(account_id=account_id, balances=balances)


def _side(
    owner_kind: str, code: str, currency: str, normal_side: str, posted_dr: Decimal, posted_cr: Decimal
) -> AccountSide:
    side = Direction(normal_side)
    debits, credits = int(posted_dr), int(posted_cr)
    return AccountSide(
        account=chart_code(owner_kind, code),
        owner=None if owner_kind == "platform" else code,
        currency=currency,
        normal_side=side,
        debits=debits,
        credits=credits,
        balance=debits - credits if side is Direction.DEBIT else credits - debits,
    )
