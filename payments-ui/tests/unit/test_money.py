"""Amounts are strings from the API to the reader's eye."""

import pytest

from payments_ui.components import money


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0.00", "0.00"),
        ("250.00", "250.00"),
        ("-1234567.50", "−1,234,567.50"),
        ("980000", "980,000"),
        ("12.345", "12.345"),
        ("92233720368547758.07", "92,233,720,368,547,758.07"),
        ("nonsense", "nonsense"),
    ],
)
def test_amounts_are_grouped_without_losing_a_digit(amount: str, written: str) -> None:
    assert money.grouped(amount) == written


def test_a_currency_stays_beside_its_amount() -> None:
    assert money.spoken("1250.00", "GHS") == "1,250.00\N{NO-BREAK SPACE}GHS"
