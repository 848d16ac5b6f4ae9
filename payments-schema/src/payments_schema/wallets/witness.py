"""Works out from ledger entries alone what a wallet payment moved, as a second opinion on its row. Pure.

Must not use the code that posts: it would repeat its faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from payments_schema.wallets.model import WalletPayment
from payments_schema.wire.ledger import Direction
from payments_schema.wire.wallets import AttemptState, WalletDirection, WalletStatus

CLEARING = "wallet_clearing"
OWNER = "wallet"
FEES = "provider_fees"
FLOAT = "provider_float_"

PAID = frozenset({"wallet_disbursement"})
TAKEN = frozenset({"wallet_collection", "wallet_late_collection"})
SENT_BACK = frozenset({"wallet_refund"})
INSIDE = frozenset({"wallet_reserve", "wallet_release", "wallet_refund_reserve", "wallet_refund_return"})


class Line(NamedTuple):
    """One entry: the kind of its transaction, its account by the code of the chart."""

    kind: str
    account: str
    direction: Direction
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Testimony:
    """What the entries say. owner: what its account gained; clearing: what waits there."""

    paid_minor: int = 0
    collected_minor: int = 0
    refunded_minor: int = 0
    fee_minor: int = 0
    clearing_minor: int = 0
    owner_minor: int = 0
    problems: tuple[str, ...] = ()


def testify(lines: Iterable[Line]) -> Testimony:
    """Let the entries of one payment speak for themselves."""
    by_kind: dict[str, dict[str, int]] = {}
    for kind, account, direction, minor in lines:
        credited = by_kind.setdefault(kind, {})
        credited[account] = credited.get(account, 0) + (minor if direction is Direction.CREDIT else -minor)
    total: dict[str, int] = {}
    for credited in by_kind.values():
        for account, minor in credited.items():
            total[account] = total.get(account, 0) + minor
    return Testimony(
        paid_minor=_out(by_kind, PAID),
        collected_minor=-_out(by_kind, TAKEN),
        refunded_minor=_out(by_kind, SENT_BACK),
        fee_minor=-total.get(FEES, 0),
        clearing_minor=total.get(CLEARING, 0),
        owner_minor=total.get(OWNER, 0),
        problems=tuple(_strange(by_kind)),
    )


def _out(by_kind: Mapping[str, Mapping[str, int]], kinds: frozenset[str]) -> int:
    """What left the floats in steps of these kinds, without the fees."""
    minor = 0
    for kind in kinds & by_kind.keys():
        for account, credited in by_kind[kind].items():
            if account.startswith(FLOAT) or account == FEES:
                minor += credited
    return minor


def _strange(by_kind: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    for kind, credited in by_kind.items():
        if sum(credited.values()):
            yield f"{kind}: debits and credits differ"
        if kind not in PAID | TAKEN | SENT_BACK | INSIDE:
            yield f"{kind}: no step of a wallet payment"
        if kind in INSIDE and credited.keys() - {OWNER, CLEARING}:
            yield f"{kind}: moves more than owner and clearing"


def disagreements(seen: Testimony, payment: WalletPayment) -> list[str]:
    """Name what the payment's row and attempts say otherwise than its entries."""
    done = [attempt for attempt in payment.attempts if attempt.state is AttemptState.SUCCEEDED]
    amount = payment.amount.minor
    moved = amount if any(attempt.purpose == "payment" for attempt in done) else 0
    is_payout = payment.direction is WalletDirection.DISBURSE
    paid, collected = (moved, 0) if is_payout else (0, moved)
    refunded = amount if any(attempt.purpose == "refund" for attempt in done) else 0
    waiting = amount if _waits_in_clearing(payment) else 0
    pairs = {
        "paid_amount": (seen.paid_minor, paid),
        "collected_amount": (seen.collected_minor, collected),
        "refunded_amount": (seen.refunded_minor, refunded),
        "fee_amount": (seen.fee_minor, sum(attempt.fee_minor for attempt in done)),
        "clearing_amount": (seen.clearing_minor, waiting),
        "owner_amount": (seen.owner_minor, collected - paid - refunded - waiting),
    }
    differing = [
        f"{name}: entries say {told}, the payment says {has}"
        for name, (told, has) in pairs.items()
        if told != has
    ]
    return [*seen.problems, *differing]


def _waits_in_clearing(payment: WalletPayment) -> bool:
    open_attempt = payment.open_attempt()
    if payment.direction is WalletDirection.DISBURSE:
        return payment.status is WalletStatus.PROCESSING or open_attempt is not None
    return open_attempt is not None and open_attempt.purpose == "refund"
