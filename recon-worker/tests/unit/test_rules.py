"""The table of the contract, row by row and by property."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payments_schema.errors import UnknownCurrency
from payments_schema.money import CURRENCIES, MAX_MINOR, MIN_MINOR, Money, exponent, parse_major
from payments_schema.wire.payments import PaymentStatus

from recon_worker.reconciliation import rules

DOUBTFUL = "Discrepancy detected in amount"


@pytest.mark.parametrize(
    ("amount", "currency", "notes", "discrepancy"),
    [
        ("-0.01", "USD", "Negative amount not allowed", None),
        ("-0.13", "USD", "Negative amount not allowed", None),
        ("-7.13", "USD", "Negative amount not allowed", None),
        ("-13", "JPY", "Negative amount not allowed", None),
        ("0", "USD", "Zero amount not allowed", None),
        ("0", "JPY", "Zero amount not allowed", None),
        ("0.000", "BHD", "Zero amount not allowed", None),
        ("0.13", "USD", DOUBTFUL, "0.13"),
        ("250.13", "USD", DOUBTFUL, "0.13"),
        ("92233720368547757.13", "USD", DOUBTFUL, "0.13"),
        ("1.130", "BHD", DOUBTFUL, "0.130"),
        ("0.130", "KWD", DOUBTFUL, "0.130"),
        ("1.131", "BHD", "Successfully reconciled", None),
        ("1.013", "BHD", "Successfully reconciled", None),
        ("13", "JPY", "Successfully reconciled", None),
        ("113", "JPY", "Successfully reconciled", None),
        ("0.01", "USD", "Successfully reconciled", None),
        ("0.12", "USD", "Successfully reconciled", None),
        ("0.14", "USD", "Successfully reconciled", None),
        ("13.00", "USD", "Successfully reconciled", None),
        ("250.00", "USD", "Successfully reconciled", None),
        ("250.31", "USD", "Successfully reconciled", None),
    ],
)
def test_the_table(amount: str, currency: str, notes: str, discrepancy: str | None) -> None:
    verdict = rules.reconcile(parse_major(amount, currency))
    assert verdict.notes == notes
    assert (verdict.discrepancy.major() if verdict.discrepancy else None) == discrepancy


def test_what_each_verdict_means() -> None:
    of = {
        notes: rules.reconcile(Money(minor, "USD"))
        for notes, minor in (("negative", -1), ("zero", 0), ("doubtful", 113), ("matched", 100))
    }
    assert [(v.status.value, v.matched, v.payment_status.value, v.is_posted) for v in of.values()] == [
        ("failed", False, "failed", False),
        ("failed", False, "failed", False),
        ("completed_with_discrepancy", False, "completed", True),
        ("completed", True, "completed", True),
    ]


@given(st.integers(MIN_MINOR, MAX_MINOR), st.sampled_from(sorted(CURRENCIES)))
def test_every_amount_has_the_verdict_that_decimals_would_give(minor: int, currency: str) -> None:
    """A second way to the same answer: exact decimals instead of integers."""
    verdict = rules.reconcile(Money(minor, currency))
    amount = Decimal(minor).scaleb(-exponent(currency))
    if amount < 0:
        expected = "Negative amount not allowed"
    elif amount == 0:
        expected = "Zero amount not allowed"
    elif Decimal(str(amount)) % 1 == Decimal("0.13"):
        expected = DOUBTFUL
    else:
        expected = "Successfully reconciled"
    assert verdict.notes == expected
    assert (verdict.payment_status is PaymentStatus.FAILED) == (amount <= 0)
    assert verdict.matched == (expected == "Successfully reconciled")


@given(st.integers(0, 10**14), st.sampled_from([c for c, digits in CURRENCIES.items() if digits >= 2]))
def test_whole_units_and_thirteen_hundredths_are_doubtful(units: int, currency: str) -> None:
    one = 10 ** exponent(currency)
    verdict = rules.reconcile(Money(units * one + 13 * one // 100, currency))
    assert verdict.notes == DOUBTFUL
    assert verdict.discrepancy == Money(13 * one // 100, currency)


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        rules.reconcile(Money(100, "XXX"))
