"""The transition table, references and movements of wallet payments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from payments_schema.errors import InvalidAmount, InvalidTransition
from payments_schema.money import Money
from payments_schema.wallets import lifecycle, movements
from payments_schema.wallets.lifecycle import Change, Failure, Limits, Success, WalletPayment
from payments_schema.wire.wallets import WALLET_TRANSITIONS, InitiateWallet, WalletProvider, WalletStatus

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIMITS = Limits()
DECISION = {"reason": "test"}


def started(**fields: object) -> Change:
    wanted = InitiateWallet.model_validate(
        {"amount": "25.00", "recipient_phone": "0243123499", "recipient_name": "Ama", **fields}
    )
    return lifecycle.initiate("pay_1", "c", wanted, "mtn", LIMITS, NOON, None)


def processing(**fields: object) -> Change:
    change = started(**fields)
    lifecycle.validate(change, "allow", {}, LIMITS, NOON)
    lifecycle.dispatch(change, WalletProvider.MTN, 19, DECISION, NOON)
    return change


def conclude(change: Change, verdict: lifecycle.Verdict) -> WalletPayment:
    attempt = change.payment.open_attempt()
    assert attempt is not None
    lifecycle.conclude(change, attempt.reference, verdict, LIMITS, NOON)
    return change.payment


def test_the_table_allows_exactly_what_the_contract_says() -> None:
    final = {status.value for status in lifecycle.FINAL}
    assert final == {"FAILED", "EXPIRED", "CANCELLED", "REFUNDED"}
    for before in WalletStatus:
        for after in WalletStatus:
            change = started()
            object.__setattr__(change.payment, "status", before)
            if after in WALLET_TRANSITIONS[before]:
                change.move(after, "test", "test", NOON)
            else:
                with pytest.raises(InvalidTransition):
                    change.move(after, "test", "test", NOON)


def test_references_are_fixed_per_payment_provider_and_purpose() -> None:
    made = [
        lifecycle.reference_of(id, provider, purpose)
        for id in ("pay_1", "pay_2")
        for provider in WalletProvider
        for purpose in ("payment", "refund")
    ]
    assert len(set(made)) == len(made)
    assert made[0] == lifecycle.reference_of("pay_1", WalletProvider.MTN, "payment")


@pytest.mark.parametrize("amount", ["0.99", "50000.01", "0", "-5"])
def test_amounts_outside_the_limits_are_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        started(amount=amount)


def test_no_second_conversation_while_one_is_open() -> None:
    change = processing()
    with pytest.raises(InvalidTransition):
        lifecycle.dispatch(change, WalletProvider.TELECEL, 33, DECISION, NOON)


def test_no_second_conversation_with_the_same_provider() -> None:
    change = processing()
    conclude(change, Failure("SERVICE_UNAVAILABLE", may_try_others=True))
    with pytest.raises(InvalidTransition):
        lifecycle.dispatch(change, WalletProvider.MTN, 19, DECISION, NOON)
    lifecycle.dispatch(change, WalletProvider.TELECEL, 33, DECISION, NOON)
    assert len(change.payment.attempts) == 2


def test_what_is_definite_stays() -> None:
    change = processing()
    reference = change.payment.attempts[0].reference
    conclude(change, Success("77"))
    postings = len(change.postings)
    lifecycle.conclude(change, reference, Failure("EXPIRED", may_try_others=True), LIMITS, NOON)
    lifecycle.conclude(change, reference, Success("78"), LIMITS, NOON)
    assert change.payment.status is WalletStatus.CONFIRMED
    assert change.payment.attempts[0].provider_id == "77"
    assert len(change.postings) == postings


def test_the_journal_of_a_disbursement() -> None:
    change = processing()
    conclude(change, Success("77"))
    assert "".join(posting.journal() for posting in change.postings) == (
        "wallet_reserve pay_1\n"
        "  Dr c                           25.00 GHS\n"
        "  Cr wallet_clearing             25.00 GHS\n"
        "wallet_disbursement pay_1\n"
        "  Dr wallet_clearing                25.00 GHS\n"
        "  Dr provider_fees                   0.19 GHS\n"
        "  Cr provider_float_mtn             25.19 GHS\n"
    )


def test_a_fee_as_large_as_the_amount_still_balances() -> None:
    amount = Money(100, "GHS")
    posting = movements.collected("pay_1", "c", "mtn", amount, amount)
    assert len(posting.entries) == 2
