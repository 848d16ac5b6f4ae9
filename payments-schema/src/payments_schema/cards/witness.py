"""Works out from ledger entries alone where a card payment stands, as a second opinion on its row.

Must not read the payment's row, and must not use the code that posts: it would repeat its faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from payments_schema.wire.cards import CardStatus
from payments_schema.wire.ledger import Direction


class Line(NamedTuple):
    """One entry, its account by the code of the chart."""

    account: str
    direction: Direction
    amount_minor: int
    currency: str


class Step(NamedTuple):
    """One transaction of a payment with its entries."""

    kind: str
    key: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Testimony:
    """What the entries say of a payment; `problems` is empty where they make sense."""

    status: CardStatus | None
    authorized_minor: int = 0
    captured_minor: int = 0
    fee_minor: int = 0
    refunded_minor: int = 0
    fee_refunded_minor: int = 0
    held_minor: int = 0
    settled_minor: int = 0
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Account:
    holds: int = 0
    authorized: int = 0
    captured: int = 0
    fee: int = 0
    refunded: int = 0
    fee_refunded: int = 0
    settled: int = 0
    status: CardStatus | None = None
    problems: list[str] = field(default_factory=list[str])


class _Sums:
    """Net debits of one step by account; a credit counts negative."""

    def __init__(self, step: Step) -> None:
        self._net: dict[str, int] = {}
        self.currencies = {line.currency for line in step.lines}
        for account, direction, amount, _currency in step.lines:
            signed = amount if direction is Direction.DEBIT else -amount
            self._net[account] = self._net.get(account, 0) + signed

    def take(self, account: str) -> int:
        """The account's net debit, which is then explained."""
        return self._net.pop(account, 0)

    def unexplained(self) -> list[str]:
        """Accounts that moved without anybody having asked for them."""
        return sorted(account for account, net in self._net.items() if net)


def testify(steps: Sequence[Step]) -> Testimony:
    """Read a payment's transactions in the order in which they were posted."""
    account = _Account()
    keys: set[str] = set()
    currencies: set[str] = set()
    for step in steps:
        sums = _Sums(step)
        currencies |= sums.currencies
        if step.key in keys:
            account.problems.append(f"{step.key}: posted twice")
        keys.add(step.key)
        read = _READERS.get(step.kind)
        if read is None:
            account.problems.append(f"{step.key}: unknown kind {step.kind}")
            continue
        account.problems.extend(f"{step.key}: {problem}" for problem in read(account, sums))
        account.problems.extend(f"{step.key}: {name} moved" for name in sums.unexplained())
    account.problems.extend(_overall(account, currencies))
    return Testimony(
        account.status,
        account.authorized,
        account.captured,
        account.fee,
        account.refunded,
        account.fee_refunded,
        account.holds,
        account.settled,
        tuple(account.problems),
    )


def _overall(account: _Account, currencies: set[str]) -> list[str]:
    rules = {
        "more than one currency": len(currencies) <= 1,
        "never authorized": account.status is not None,
        "captured more than authorized": account.captured <= account.authorized,
        "refunded more than captured": account.refunded <= account.captured,
        "returned more fee than was taken": account.fee_refunded <= account.fee,
        "more taken out of the hold than was held": account.holds >= 0,
        "a final payment still holds funds": not (account.holds and account.status in _HOLDS_NOTHING),
    }
    return [problem for problem, is_well in rules.items() if not is_well]


_HOLDS_NOTHING = frozenset(CardStatus) - {CardStatus.AUTHORIZED, CardStatus.CAPTURED}


def _authorized(account: _Account, sums: _Sums) -> list[str]:
    held, funds = sums.take("customer_holds"), sums.take("customer_funds")
    was = account.status
    account.authorized += held
    account.holds += held
    account.status = CardStatus.AUTHORIZED
    return _unless(held > 0 and funds == -held, "does not hold what it takes from the funds") + _unless(
        was is None, "authorized again"
    )


def _released(account: _Account, sums: _Sums) -> int:
    """Take the step's release out of the hold; returns it, for the funds to be compared with."""
    released = -sums.take("customer_holds")
    account.holds -= released
    return released


def _captured(account: _Account, sums: _Sums) -> list[str]:
    released = _released(account, sums)
    merchant, fee = -sums.take("merchant_payable"), -sums.take("platform_fees")
    amount = merchant + fee
    funds = sums.take("customer_funds")
    allowed = account.status in (CardStatus.AUTHORIZED, CardStatus.CAPTURED)
    account.captured += amount
    account.fee += fee
    account.status = CardStatus.CAPTURED
    return (
        _unless(allowed, "captured after its end")
        + _unless(merchant >= 0 and fee >= 0 and amount > 0, "takes nothing")
        + _unless(released == amount, "releases another part of the hold than it captures")
        + _unless(funds == released + amount, "funds move by another amount")
    )


def _given_up(status: CardStatus) -> Callable[[_Account, _Sums], list[str]]:
    def read(account: _Account, sums: _Sums) -> list[str]:
        was = account.status
        released = _released(account, sums)
        funds = sums.take("customer_funds")
        account.status = CardStatus.CAPTURED if account.captured else status
        return (
            _unless(was in (CardStatus.AUTHORIZED, CardStatus.CAPTURED), "released after its end")
            + _unless(released > 0 and funds == released, "does not return what it releases")
            + _unless(account.holds == 0, "leaves a part of the hold")
        )

    return read


def _settled(account: _Account, sums: _Sums) -> list[str]:
    was = account.status
    released, funds = _released(account, sums), sums.take("customer_funds")
    merchant, cash = sums.take("merchant_payable"), sums.take("platform_cash")
    kept = account.captured - account.fee
    owed = kept - (account.refunded - account.fee_refunded) - account.settled
    account.settled += merchant
    account.status = CardStatus.SETTLED
    return (
        _unless(was in (CardStatus.CAPTURED, CardStatus.PARTIALLY_REFUNDED), "settled in the wrong state")
        + _unless(released >= 0 and funds == released, "does not return what it releases")
        + _unless(merchant > 0 and cash == -merchant, "does not pay what it takes from the payable")
        + _unless(merchant == owed, "pays another amount than is owed")
    )


def _refunded(account: _Account, sums: _Sums) -> list[str]:
    was = account.status
    released, funds = _released(account, sums), sums.take("customer_funds")
    merchant, fee = sums.take("merchant_payable"), sums.take("platform_fees")
    amount = merchant + fee
    account.refunded += amount
    account.fee_refunded += fee
    whole = account.refunded == account.captured
    account.status = CardStatus.REFUNDED if whole else CardStatus.PARTIALLY_REFUNDED
    return (
        _unless(was in _REFUNDABLE, "refunded in the wrong state")
        + _unless(merchant >= 0 and fee >= 0 and amount > 0, "returns nothing")
        + _unless(released >= 0 and funds == released - amount, "does not return what it takes back")
    )


_REFUNDABLE = (CardStatus.CAPTURED, CardStatus.SETTLED, CardStatus.PARTIALLY_REFUNDED)


def _unless(holds: bool, problem: str) -> list[str]:
    return [] if holds else [problem]


_READERS: Mapping[str, Callable[[_Account, _Sums], list[str]]] = {
    "card_authorization": _authorized,
    "card_capture": _captured,
    "card_void": _given_up(CardStatus.VOIDED),
    "card_expiry": _given_up(CardStatus.EXPIRED),
    "card_settlement": _settled,
    "card_refund": _refunded,
}
