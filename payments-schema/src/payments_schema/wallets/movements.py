"""Which entries each step of a wallet payment makes. Pure: sees no clock, no connection, no balance.

Must not post: a step's key lets the ledger take it once, whoever asks again.
"""

from __future__ import annotations

from typing import Literal

from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, platform
from payments_schema.money import Money

Purpose = Literal["payment", "refund"]
CLEARING = platform("wallet_clearing")
FEES = platform("provider_fees")
SUSPENSE = platform("wallet_suspense")


def wallet(owner: str) -> Account:
    """What we owe the client (or its user) on whose behalf wallets are paid; below zero it owes us."""
    return Account("wallet", owner)


def float_of(provider: str) -> Account:
    """Our money with a provider."""
    return platform(f"provider_float_{provider}")


def reserved(payment_id: str, owner: str, amount: Money) -> Posting:
    """Before it is sent, the money leaves its owner and waits in clearing."""
    return _posting("wallet_reserve", payment_id, "reserve", wallet(owner), CLEARING, amount)


def released(payment_id: str, owner: str, amount: Money) -> Posting:
    """It was definitely not paid: back to its owner."""
    return _posting("wallet_release", payment_id, "release", CLEARING, wallet(owner), amount)


def disbursed(payment_id: str, provider: str, amount: Money, fee: Money) -> Posting:
    """The provider paid the recipient out of our float."""
    return Posting("wallet_disbursement", payment_id, "disburse", _paid_out(provider, amount, fee))


def collected(payment_id: str, owner: str, provider: str, amount: Money, fee: Money) -> Posting:
    """The provider took the money into our float; its owner has it, we bear the fee."""
    return Posting(
        "wallet_collection", payment_id, "collect", _taken_in(wallet(owner), provider, amount, fee)
    )


def collected_late(payment_id: str, provider: str, amount: Money, fee: Money) -> Posting:
    """It succeeded after the payment had expired: held in clearing until it is sent back."""
    return Posting(
        "wallet_late_collection", payment_id, "collect", _taken_in(CLEARING, provider, amount, fee)
    )


def refund_reserved(payment_id: str, owner: str, amount: Money) -> Posting:
    """A refund was asked for: the money leaves its owner and waits in clearing."""
    return _posting("wallet_refund_reserve", payment_id, "refund reserve", wallet(owner), CLEARING, amount)


def refund_paid(payment_id: str, provider: str, amount: Money, fee: Money) -> Posting:
    """The refund has reached the payer."""
    return Posting("wallet_refund", payment_id, "refund", _paid_out(provider, amount, fee))


def refund_returned(payment_id: str, owner: str, amount: Money) -> Posting:
    """The refund could not be delivered: the owner's account is credited."""
    return _posting("wallet_refund_return", payment_id, "refund return", CLEARING, wallet(owner), amount)


def _posting(kind: str, payment_id: str, key: str, debit: Account, credit: Account, amount: Money) -> Posting:
    return Posting(kind, payment_id, key, (Entry(debit, DEBIT, amount), Entry(credit, CREDIT, amount)))


def _paid_out(provider: str, amount: Money, fee: Money) -> tuple[Entry, ...]:
    fees = (Entry(FEES, DEBIT, fee),) if fee.minor else ()
    return (Entry(CLEARING, DEBIT, amount), *fees, Entry(float_of(provider), CREDIT, amount + fee))


def _taken_in(to: Account, provider: str, amount: Money, fee: Money) -> tuple[Entry, ...]:
    fees = (Entry(FEES, DEBIT, fee),) if fee.minor else ()
    net = (Entry(float_of(provider), DEBIT, amount - fee),) if amount.minor > fee.minor else ()
    return (*net, *fees, Entry(to, CREDIT, amount))
