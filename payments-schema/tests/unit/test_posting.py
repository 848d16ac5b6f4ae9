"""A posting cannot be built unbalanced."""

import pytest
from builders import usd
from hypothesis import given
from hypothesis import strategies as st

from payments_schema.errors import UnbalancedPosting
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money

A, B = customer("A"), platform("suspense")


def post(*entries):
    return Posting("test", "r", "k", entries)


def test_balanced_entries_make_a_posting():
    assert post(Entry(A, CREDIT, usd(5)), Entry(B, DEBIT, usd(5))).entries[0].amount == usd(5)


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (Entry(A, CREDIT, usd(5)),),
        (Entry(A, CREDIT, usd(5)), Entry(B, DEBIT, usd(4))),
        (Entry(A, CREDIT, usd(5)), Entry(B, CREDIT, usd(5))),
        (Entry(A, CREDIT, usd(0)), Entry(B, DEBIT, usd(0))),
        (Entry(A, CREDIT, usd(-5)), Entry(B, DEBIT, usd(-5))),
        (Entry(A, CREDIT, usd(2**63)), Entry(B, DEBIT, usd(2**63))),
        (Entry(A, CREDIT, usd(5)), Entry(B, DEBIT, Money(5, "EUR"))),
    ],
)
def test_anything_else_does_not(entries):
    with pytest.raises(UnbalancedPosting):
        post(*entries)


def test_each_currency_balances_for_itself():
    eur = Money(7, "EUR")
    post(Entry(A, CREDIT, usd(5)), Entry(B, DEBIT, usd(5)), Entry(A, DEBIT, eur), Entry(B, CREDIT, eur))


@given(st.lists(st.tuples(st.sampled_from([DEBIT, CREDIT]), st.integers(1, 10**6)), max_size=8))
def test_it_is_built_exactly_when_the_sums_agree(legs):
    entries = tuple(Entry(A, side, usd(minor)) for side, minor in legs)
    off = sum(minor if side is DEBIT else -minor for side, minor in legs)
    if off == 0 and len(legs) >= 2:
        post(*entries)
    else:
        with pytest.raises(UnbalancedPosting):
            post(*entries)
