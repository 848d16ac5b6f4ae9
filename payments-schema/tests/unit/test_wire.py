"""What the models take and what they refuse."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from payments_schema.ids import uuid7
from payments_schema.money import Money
from payments_schema.payments.store import Payment
from payments_schema.wire.payments import PAYMENT_TRANSITIONS, CreatePayment, PaymentStatus


@pytest.mark.parametrize("amount", [250, 250.0, "250.00", "250", Decimal("250"), "2.5e2"])
def test_equal_amounts_are_equal_requests(amount):
    assert CreatePayment(accountId="A", amount=amount).money() == Money(25000, "USD")


@pytest.mark.parametrize(
    "amount", ["0.001", 0.001, 1e300, "NaN", None, True, [], "1,0", 10**20, float("inf"), float("nan")]
)
def test_amounts_that_cannot_be_held_are_refused(amount):
    with pytest.raises(ValidationError):
        CreatePayment(accountId="A", amount=amount)


@pytest.mark.parametrize("account", ["", "x" * 256, "a\n", "a\0", None, 5])
def test_accounts_are_printable_and_short(account):
    with pytest.raises(ValidationError):
        CreatePayment(accountId=account, amount="1")


@pytest.mark.parametrize(
    "body",
    [
        {"accountId": "A", "amount": "1", "colour": "red"},
        {"amount": "1"},
        {"accountId": "A"},
        {"accountId": "A", "amount": "1", "currency": "usd"},
        {"accountId": "A", "amount": "1", "currency": "XYZ"},
        {"accountId": "A", "amount": "1", "description": "\ud800"},
        {"accountId": "A", "amount": "1.5", "currency": "JPY"},
    ],
)
def test_a_body_that_is_not_as_described_is_refused(body):
    with pytest.raises(ValidationError):
        CreatePayment.model_validate(body)


def test_a_default_left_out_equals_the_default_written():
    assert CreatePayment(accountId="A", amount=1) == CreatePayment(
        accountId="A", amount="1", currency="USD", description=None
    )


@given(st.text(min_size=0, max_size=20))
def test_no_text_as_amount_ends_otherwise_than_taken_or_refused(text):
    with suppress(ValidationError):
        CreatePayment(accountId="A", amount=text)


def test_a_payment_row_has_the_contracts_fields():
    now = datetime(2026, 11, 21, tzinfo=UTC)
    row = (
        Payment(uuid7(), "key", "ACC", 25000, "USD", "pending", None, now, now)
        .to_wire()
        .model_dump(mode="json")
    )
    assert list(row) == [
        "id",
        "idempotency_key",
        "account_id",
        "amount",
        "currency",
        "status",
        "description",
        "created_at",
        "updated_at",
    ]
    assert row["amount"] == "250.00"
    assert row["created_at"] == "2026-11-21T00:00:00Z"


def test_every_status_has_its_transitions():
    assert set(PAYMENT_TRANSITIONS) == set(PaymentStatus)
