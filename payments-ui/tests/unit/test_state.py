"""Filters go into the address and come back the same; a wrong address does no harm."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payments_schema.wire.payments import PaymentStatus
from payments_schema.wire.views import Period

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


@pytest.mark.parametrize("period", [*Period])
def test_a_period_survives_the_address(period: Period) -> None:
    filters = Filters(period=period, status="failed", oldest=True)
    assert Filters.from_address(filters.to_address()) == filters


@pytest.mark.parametrize(
    "address",
    [
        {"status": "exploded"},
        {"kind": "cash"},
        {"amount": "lots"},
        {"currency": "XXQ"},
        {"since": "yesterday"},
        {"period": "last-8-days"},
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


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        ("today", "2026-03-01", "2026-03-02"),
        ("yesterday", "2026-02-28", "2026-03-01"),
        ("last-7-days", "2026-02-23", "2026-03-02"),
        ("last-30-days", "2026-01-31", "2026-03-02"),
        ("this-month", "2026-03-01", "2026-03-02"),
    ],
)
def test_a_period_is_of_the_readers_own_days(period: str, since: str, until: str) -> None:
    # Half past eleven in the evening of February in London, March already in Berlin.
    now = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    asked = Filters.from_address({"period": period}).query(ZoneInfo("Europe/Berlin"), now)
    assert (asked.since, asked.until) == (f"{since}T00:00:00+01:00", f"{until}T00:00:00+01:00")


def test_a_period_stands_alone_and_moves_on() -> None:
    filters = Filters.from_address({"period": "today", "since": "2026-01-01", "until": "2026-01-31"})
    assert filters == Filters(period="today")
    assert filters.narrows
    days = [filters.query(now=datetime(2026, 3, day, 12, tzinfo=UTC)).since for day in (29, 30)]
    assert days == ["2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+00:00"]


def test_a_day_is_as_long_as_it_is_there() -> None:
    asked = Filters(period="today").query(ZoneInfo("Europe/Berlin"), datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert (asked.since, asked.until) == ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")


def test_links_carry_what_was_typed_safely() -> None:
    assert state.payment_link("a&b=c") == "payment?id=a%26b%3Dc"
    assert state.account_link('ACC "1"', "USD") == "account?id=ACC+%221%22&currency=USD"
    assert state.payments_link(Filters()) == "payments"
