"""Money: exact, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_schema.errors import AmountMalformed, AmountOutOfRange, UnknownCurrency
from payments_schema.money import (
    CURRENCIES,
    MAX_MINOR,
    MIN_MINOR,
    Money,
    apportion,
    exponent,
    major,
    parse_major,
)


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("250.00", "USD", 25000),
        (250, "USD", 25000),
        (Decimal("250.0"), "USD", 25000),
        ("2.5e2", "USD", 25000),
        ("250.0000", "USD", 25000),
        ("0.13", "USD", 13),
        (".13", "USD", 13),
        ("-0.05", "USD", -5),
        ("+1", "USD", 100),
        ("1.", "USD", 100),
        ("-0", "USD", 0),
        ("0e9999", "USD", 0),
        ("1.130", "BHD", 1130),
        ("100", "JPY", 100),
        ("100.0", "JPY", 100),
        ("1.2345", "CLF", 12345),
        ("92233720368547758.07", "USD", MAX_MINOR),
        ("-92233720368547758.08", "USD", MIN_MINOR),
        (9223372036854775807, "JPY", MAX_MINOR),
    ],
)
def test_an_amount_is_read_exactly(written, currency, minor):
    assert parse_major(written, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "abc",
        "1,000",
        "1_000",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "sNaN",
        "1.2.3",
        " 1",
        "1 ",
        "--1",
        "1e",
        "e5",
        "١٢",
        "1" * 65,
        ".",
        "+",
        True,
        False,
        None,
        1.5,
        [],
        {},
        Decimal("NaN"),
        Decimal("Infinity"),
    ],
)
def test_what_is_no_amount_is_refused(written):
    with pytest.raises(AmountMalformed):
        parse_major(written, "USD")


@pytest.mark.parametrize(
    ("written", "currency"),
    [
        ("0.001", "USD"),
        ("0.5", "JPY"),
        ("1.1301", "BHD"),
        ("1e-3", "USD"),
        ("1e-9999", "USD"),
        (Decimal("1e-999999"), "USD"),
    ],
)
def test_more_decimals_than_the_currency_has_are_refused(written, currency):
    with pytest.raises(AmountMalformed):
        parse_major(written, currency)


@pytest.mark.parametrize(
    "written",
    [
        "92233720368547758.08",
        "-92233720368547758.09",
        "1e30",
        "1e9999",
        10**50,
        -(10**20),
        Decimal("1e999999"),
    ],
)
def test_an_amount_beyond_64_bits_is_refused(written):
    with pytest.raises(AmountOutOfRange):
        parse_major(written, "USD")


@pytest.mark.parametrize("currency", ["usd", "XXX", "", "US", "USDD", None, "BTC"])
def test_an_unknown_currency_is_refused(currency):
    with pytest.raises(UnknownCurrency):
        parse_major("1", currency)


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (25000, "USD", "250.00"),
        (-5, "USD", "-0.05"),
        (0, "USD", "0.00"),
        (7, "JPY", "7"),
        (1130, "BHD", "1.130"),
        (-1, "CLF", "-0.0001"),
        (10**30, "USD", "1" + "0" * 28 + ".00"),
    ],
)
def test_an_amount_is_written_with_its_currencys_decimals(minor, currency, written):
    assert major(minor, currency) == written == Money(minor, currency).major()


@given(st.integers(MIN_MINOR, MAX_MINOR), st.sampled_from(sorted(CURRENCIES)))
def test_reading_what_was_written_gives_the_same(minor, currency):
    assert parse_major(major(minor, currency), currency).minor == minor


@given(st.integers(-(10**18), 10**18), st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any))
def test_apportioning_loses_nothing(total, weights):
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights)
        for part, weight in zip(parts, weights, strict=True)
    )


def test_apportioning_gives_left_over_units_to_the_largest_remainders():
    assert apportion(100, [1, 1, 1]) == [34, 33, 33]
    assert apportion(10, [7, 2, 1]) == [7, 2, 1]
    assert apportion(-100, [1, 1, 1]) == [-34, -33, -33]


@pytest.mark.parametrize("weights", [[], [0], [1, -1], [0, 0]])
def test_weights_that_divide_nothing_are_refused(weights):
    with pytest.raises(ValueError):
        apportion(1, weights)


def test_currencies_do_not_mix():
    with pytest.raises(ValueError):
        Money(1, "USD") + Money(1, "EUR")
    assert Money(3, "USD") - Money(1, "USD") + Money(1, "USD") == Money(3, "USD")


def test_exponents_are_those_of_iso_4217():
    assert (exponent("JPY"), exponent("USD"), exponent("BHD"), exponent("CLF")) == (0, 2, 3, 4)
