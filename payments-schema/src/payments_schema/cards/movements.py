"""Which entries each change of a card payment makes. Pure: what is previewed and what is posted is this.

Must not see a clock, a connection or a balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from payments_schema.cards.lifecycle import (
    Authorized,
    Captured,
    CardPayment,
    Change,
    Expired,
    Refunded,
    Settled,
    Voided,
)
from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, platform
from payments_schema.ledger.posting import chart_code as chart_code
from payments_schema.money import Money
from payments_schema.wire.ledger import Direction

HOLDS = "customer_holds"
FUNDS = "customer_funds"
MERCHANT_PAYABLE = "merchant_payable"
PLATFORM_FEES = "platform_fees"
PLATFORM_CASH = "platform_cash"

AUTHORIZE = "card_authorization"
CAPTURE = "card_capture"
VOID = "card_void"
EXPIRE = "card_expiry"
SETTLE = "card_settlement"
REFUND = "card_refund"

_Leg = tuple[str, Direction, int]


def of(change: Change) -> Posting:
    """Return what a change posts: one transaction, its key the step, so that no step is taken twice."""
    match change:
        case Authorized(payment):
            amount = payment.authorized_minor
            return _posting(
                AUTHORIZE, "authorize", payment, [(HOLDS, DEBIT, amount), (FUNDS, CREDIT, amount)]
            )
        case Captured(payment, taken):
            return _posting(
                CAPTURE,
                f"capture-{taken.number}",
                payment,
                [
                    *_release(taken.amount_minor),
                    (FUNDS, DEBIT, taken.amount_minor),
                    (MERCHANT_PAYABLE, CREDIT, taken.amount_minor - taken.fee_minor),
                    (PLATFORM_FEES, CREDIT, taken.fee_minor),
                ],
            )
        case Voided(payment, released):
            return _posting(VOID, "void", payment, _release(released))
        case Expired(payment, released):
            return _posting(EXPIRE, "expire", payment, _release(released))
        case Settled(payment, paid, released):
            legs = [*_release(released), (MERCHANT_PAYABLE, DEBIT, paid), (PLATFORM_CASH, CREDIT, paid)]
            return _posting(SETTLE, "settle", payment, legs)
        case Refunded(payment, refund, released):
            return _posting(
                REFUND,
                f"refund-{refund.number}",
                payment,
                [
                    *_release(released),
                    (MERCHANT_PAYABLE, DEBIT, refund.merchant_minor),
                    (PLATFORM_FEES, DEBIT, refund.fee_minor),
                    (FUNDS, CREDIT, refund.amount_minor),
                ],
            )
        case _:
            assert_never(change)


def account_of(code: str, account_id: str | None) -> Account:
    """Return the ledger account behind a code of the chart: the cardholder's own where he is known.

    Source: ADR-0010.
    """
    if account_id is not None and code in (HOLDS, FUNDS):
        return Account(code, account_id)
    return platform(code)


def _release(amount_minor: int) -> list[_Leg]:
    return [(HOLDS, CREDIT, amount_minor), (FUNDS, DEBIT, amount_minor)]


def _posting(kind: str, step: str, payment: CardPayment, legs: list[_Leg]) -> Posting:
    return Posting(kind, payment.id, step, tuple(_entries(payment, legs)), payment.updated_at)


def _entries(payment: CardPayment, legs: list[_Leg]) -> Iterator[Entry]:
    for code, direction, amount_minor in legs:
        if amount_minor:  # a part of nothing is no entry
            yield Entry(
                account_of(code, payment.account_id), direction, Money(amount_minor, payment.currency)
            )
