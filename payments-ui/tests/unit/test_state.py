"""Filters go into the address and come back the same; a wrong address does no harm."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payments_schema.wire.payments import PaymentStatus

from payments_ui import state
from payments_ui.state import Filters

# A busy machine is slow at making examples too: that says nothing of the filters.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@UNHURRIED
@given(
    st.builds(
        Filters,
        status=st.sampled_from(["", *PaymentStatus, "PROCESSING"]),
        kind=st.sampled_from(["", "direct", "card", "wallet"]),
        amount=st.sampled_from(["", "-1.50", "250"]),
        currency=st.sampled_from(["", "JPY"]),
        since=st.sampled_from(["", "2026-11-01"]),
        until=st.sampled_from(["", "2026-11-30"]),
        oldest=st.booleans(),
        account=st.text(max_size=40).map(str.strip),
        search=st.text(max_size=40).map(str.strip),
        rows=st.sampled_from(state.ROW_CHOICES),
        cursor=st.text(max_size=40),
    )
)
def test_filters_survive_the_address(filters: Filters) -> None:
    assert Filters.from_address(filters.to_address()) == filters


@pytest.mark.parametrize(
    "address",
    [
        {"status": "exploded"},
        {"kind": "cash"},
        {"amount": "lots"},
        {"currency": "XXQ"},
        {"since": "yesterday"},
        {"until": "9999-99-99"},
        {"order": "random"},
        {"rows": "1000000"},
        {"rows": "-1"},
        {"rows": "x"},
        {"surprise": "1"},
        {},
    ],
)
def test_what_makes_no_sense_is_left_out(address: dict[str, str]) -> None:
    assert Filters.from_address(address) == Filters()


def test_the_api_is_never_asked_for_more_rows_than_a_page_may_show() -> None:
    assert int(Filters(rows=9999).query().parameters()["limit"]) == 200


def test_links_carry_what_was_typed_safely() -> None:
    assert state.payment_link("a&b=c") == "payment?id=a%26b%3Dc"
    assert state.account_link('ACC "1"', "USD") == "account?id=ACC+%221%22&currency=USD"
    assert state.payments_link(Filters()) == "payments"
