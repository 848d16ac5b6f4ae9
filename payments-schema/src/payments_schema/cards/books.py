"""Reads what card payments have in the ledger: a payment's journal and T-accounts, an account's balance.

Must not read the payment's own row: what is shown here is what the books say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from payments_schema import ids
from payments_schema.cards import store, witness
from payments_schema.cards.lifecycle import CardPayment, RefundPart
from payments_schema.cards.movements import chart_code
from payments_schema.errors import NotFound
from payments_schema.wire.cards import (
    AccountSide,
    CardEntry,
    CardLedger,
    CardTransaction,
    CardWitness,
    LedgerAccountBalance,
    RefundedPart,
    TAccount,
)
from payments_schema.wire.ledger import Direction

Connection = AsyncConnection[TupleRow]


class BookedEntry(NamedTuple):
    """An entry with its transaction and its account, as the ledger has them."""

    transaction: int
    kind: str
    key: str
    effective_at: datetime
    recorded_at: datetime
    leg: int
    account_id: int
    owner_kind: str
    code: str
    normal_side: str
    direction: str
    amount_minor: int
    currency: str
    balance_after: Decimal

    @property
    def account(self) -> str:
        """The account's code in the chart."""
        return chart_code(self.owner_kind, self.code)

    @property
    def owner(self) -> str | None:
        """Whose account it is, None for the platform's own."""
        return None if self.owner_kind == "platform" else self.code


_ENTRIES: LiteralString = """
SELECT t.id AS transaction, t.kind, t.key, t.effective_at, t.recorded_at, e.leg, a.id AS account_id,
    a.owner_kind, a.code, a.normal_side, e.direction, e.amount_minor, a.currency,
    e.balance_after
FROM ledger.transaction AS t
JOIN ledger.entry AS e ON e.transaction_id = t.id
JOIN ledger.account AS a ON a.id = e.account_id
WHERE t.reference = %s
ORDER BY t.id, e.leg
"""


async def entries(conn: Connection, payment_id: str) -> list[BookedEntry]:
    """Return everything a payment posted, in order."""
    async with conn.cursor(row_factory=class_row(BookedEntry)) as cursor:
        await cursor.execute(_ENTRIES, [payment_id])
        return await cursor.fetchall()


async def of_payment(conn: Connection, payment_id: str) -> CardLedger:
    """Return a payment's journal, its T-accounts, and what follows from them.

    conn: in a transaction that has done nothing yet. Raises PaymentNotFound.
    """
    # One snapshot, so that a step taken meanwhile is in the entries and in the row, or in neither.
    await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    payment = await store.get(conn, payment_id)
    booked = await entries(conn, payment_id)
    returned = await store.refund_parts(conn, payment_id)
    return CardLedger(
        payment_id=payment_id,
        transactions=_journal(booked, returned),
        accounts=_t_accounts(booked),
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


def _journal(booked: Sequence[BookedEntry], returned: dict[int, list[RefundPart]]) -> list[CardTransaction]:
    by_transaction: dict[int, list[BookedEntry]] = {}
    for entry in booked:
        by_transaction.setdefault(entry.transaction, []).append(entry)
    return [_transaction(number, group, returned) for number, group in by_transaction.items()]


def _transaction(
    number: int, booked: Sequence[BookedEntry], returned: dict[int, list[RefundPart]]
) -> CardTransaction:
    first = booked[0]
    step, _, count = first.key.partition("-")
    parts = returned.get(int(count), []) if step == "refund" else None
    return CardTransaction(
        id=ids.sequence_id("txn", number),
        kind=first.kind,
        step=first.key,
        effective_at=first.effective_at,
        recorded_at=first.recorded_at,
        entries=[_entry(entry) for entry in booked],
        returns=None
        if parts is None
        else [
            RefundedPart(capture=p.capture, merchant_amount=p.merchant_minor, fee_amount=p.fee_minor)
            for p in parts
        ],
    )


def _entry(entry: BookedEntry) -> CardEntry:
    return CardEntry(
        id=f"{ids.sequence_id('ent', entry.transaction)}{entry.leg:04d}",
        account=entry.account,
        owner=entry.owner,
        account_id=ids.sequence_id("acc", entry.account_id),
        direction=Direction(entry.direction),
        amount=entry.amount_minor,
        currency=entry.currency,
        balance_after=int(entry.balance_after),
    )


def _t_accounts(booked: Sequence[BookedEntry]) -> list[TAccount]:
    by_account: dict[int, list[BookedEntry]] = {}
    for entry in booked:
        by_account.setdefault(entry.account_id, []).append(entry)
    return [_t_account(group) for group in by_account.values()]


def _t_account(booked: Sequence[BookedEntry]) -> TAccount:
    debits = [entry.amount_minor for entry in booked if entry.direction == Direction.DEBIT]
    credits = [entry.amount_minor for entry in booked if entry.direction == Direction.CREDIT]
    net = sum(debits) - sum(credits)
    side = Direction(booked[0].normal_side)
    return TAccount(
        account=booked[0].account,
        owner=booked[0].owner,
        currency=booked[0].currency,
        normal_side=side,
        debits=debits,
        credits=credits,
        debit_total=sum(debits),
        credit_total=sum(credits),
        balance=net if side is Direction.DEBIT else -net,
    )


_BALANCES: LiteralString = """
SELECT a.owner_kind, a.code, a.currency, a.normal_side, b.posted_dr, b.posted_cr
FROM ledger.account AS a
JOIN ledger.balance AS b ON b.account_id = a.id
WHERE a.id = %(number)s
    OR a.code = %(code)s AND a.owner_kind IN ('customer', 'customer_funds', 'customer_holds', 'platform')
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
