"""The hand-made JSON is what the wire model would write."""

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from payments_schema.ids import uuid7
from payments_schema.payments.store import Payment

from payments_api.payments.render import payment_text, payments_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(
    key=TEXT,
    account=TEXT,
    amount=st.integers(-(2**63), 2**63 - 1),
    currency=st.sampled_from(["USD", "JPY", "BHD"]),
    description=st.none() | TEXT,
    created=TIMES,
    updated=TIMES,
    status=st.sampled_from(["pending", "completed", "failed"]),
)
def test_equal_to_the_wire_model(
    key, account, amount, currency, description, created, updated, status
) -> None:
    payment = Payment(uuid7(), key, account, amount, currency, status, description, created, updated)
    assert json.loads(payment_text(payment)) == json.loads(payment.to_wire().model_dump_json())


def test_times_are_utc() -> None:
    elsewhere = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    payment = Payment(uuid7(), "k", "a", 1, "USD", "pending", None, elsewhere, elsewhere)
    assert json.loads(payments_bytes([payment]))[0]["created_at"] == "2026-01-01T00:00:00Z"
