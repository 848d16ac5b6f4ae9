"""The witness of wallet payments: what entries alone say, and that a wrong row or entry is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from payments_schema.ledger.posting import Posting, chart_code
from payments_schema.money import Money
from payments_schema.wallets import movements, witness
from payments_schema.wallets.model import Attempt, WalletPayment, reference_of
from payments_schema.wire.ledger import Direction
from payments_schema.wire.wallets import AttemptState, WalletDirection, WalletProvider, WalletStatus

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ID, OWNER, MTN = "pay_1", "shop", WalletProvider.MTN
AMOUNT, FEE = Money(2500, "GHS"), Money(19, "GHS")
RESERVED, RELEASED = movements.reserved(ID, OWNER, AMOUNT), movements.released(ID, OWNER, AMOUNT)
PAID = movements.disbursed(ID, MTN, AMOUNT, FEE)
COLLECTED = movements.collected(ID, OWNER, MTN, AMOUNT, FEE)
LATE = movements.collected_late(ID, MTN, AMOUNT, FEE)
ASKED_BACK, SENT_BACK = (
    movements.refund_reserved(ID, OWNER, AMOUNT),
    movements.refund_paid(ID, MTN, AMOUNT, FEE),
)


def lines(*postings: Posting) -> list[witness.Line]:
    return [
        witness.Line(p.kind, chart_code(e.account.owner_kind, e.account.code), e.direction, e.amount.minor)
        for p in postings
        for e in p.entries
    ]


def a_payment(status: WalletStatus, direction: str = "disburse", **states: AttemptState) -> WalletPayment:
    attempts = tuple(
        Attempt(purpose, 1, MTN, reference_of(ID, MTN, purpose), state, FEE.minor, NOW)  # type: ignore[arg-type]
        for purpose, state in states.items()
    )
    return WalletPayment(
        ID, OWNER, None, WalletDirection(direction), AMOUNT, "+233243123499", "mtn", "Ama", None, {}, None,
        NOW, NOW, NOW, status, attempts=attempts,
    )  # fmt: skip


DONE, OPEN, REFUSED = AttemptState.SUCCEEDED, AttemptState.UNKNOWN, AttemptState.FAILED


@pytest.mark.parametrize(
    ("payment", "postings"),
    [
        (a_payment(WalletStatus.PENDING), ()),
        (a_payment(WalletStatus.PROCESSING, payment=OPEN), (RESERVED,)),
        (a_payment(WalletStatus.PROCESSING, payment=REFUSED), (RESERVED,)),
        (a_payment(WalletStatus.CONFIRMED, payment=DONE), (RESERVED, PAID)),
        (a_payment(WalletStatus.FAILED, payment=REFUSED), (RESERVED, RELEASED)),
        (a_payment(WalletStatus.EXPIRED, payment=OPEN), (RESERVED,)),
        (a_payment(WalletStatus.EXPIRED, payment=DONE), (RESERVED, PAID)),
        (a_payment(WalletStatus.CONFIRMED, "collect", payment=DONE), (COLLECTED,)),
        (a_payment(WalletStatus.CONFIRMED, "collect", payment=DONE, refund=OPEN), (COLLECTED, ASKED_BACK)),
        (
            a_payment(WalletStatus.REFUNDED, "collect", payment=DONE, refund=DONE),
            (COLLECTED, ASKED_BACK, SENT_BACK),
        ),
        (a_payment(WalletStatus.EXPIRED, "collect", payment=DONE, refund=OPEN), (LATE,)),
        (a_payment(WalletStatus.EXPIRED, "collect", payment=DONE, refund=DONE), (LATE, SENT_BACK)),
    ],
)
def test_what_was_posted_agrees_with_the_row(payment: WalletPayment, postings: tuple[Posting, ...]) -> None:
    assert witness.disagreements(witness.testify(lines(*postings)), payment) == []


def test_a_missing_or_doubled_step_is_named() -> None:
    paid = a_payment(WalletStatus.CONFIRMED, payment=DONE)
    assert any("paid_amount" in p for p in witness.disagreements(witness.testify(lines(RESERVED)), paid))
    twice = witness.testify(lines(RESERVED, PAID, PAID))
    assert twice.paid_minor == 5000
    assert any("clearing_amount" in p for p in witness.disagreements(twice, paid))


def test_entries_that_no_step_makes_are_named() -> None:
    strange = lines(replace(RESERVED, kind="gift"))
    assert witness.testify(strange).problems == ("gift: no step of a wallet payment",)
    odd = [witness.Line("wallet_reserve", "provider_fees", Direction.DEBIT, 5)]
    assert len(witness.testify(odd).problems) == 2
