"""What is wrong with a request, field by field: at its input, in a list, and never as markup."""

import pytest
from payments_schema.wire.views import SaveView
from pydantic import ValidationError

from payments_ui.api_client import ApiRefused, ApiUnreachable
from payments_ui.components import fields


def refused(code: str = "malformed_request", **reasons: str) -> ApiRefused:
    return ApiRefused("The sentence.", code=code, status=422, reasons=reasons)


def test_the_reasons_are_those_of_the_api() -> None:
    assert fields.reasons_of(refused(amount="no")) == {"amount": "no"}
    assert fields.reasons_of(ApiUnreachable("away", outcome_unknown=True)) == {}


@pytest.mark.parametrize("code", fields.ABOUT_THE_AMOUNT)
def test_a_rule_about_the_amount_is_told_at_the_amount(code: str) -> None:
    assert fields.reasons_of(refused(code)) == {"amount": "The sentence."}
    assert fields.reasons_of(refused("invalid_state_transition")) == {}


def test_our_own_reading_names_the_same_fields() -> None:
    with pytest.raises(ValidationError) as wrong:
        SaveView.model_validate({"name": "x" * 61, "filters": {"since": "never", "colour": "red"}})
    found = fields.reasons_of(wrong.value)
    assert set(found) == {"name", "filters.since", "filters.colour"}
    assert "never" not in str(found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accountId", "account"),
        ("amount_cents", "amount"),
        ("filters.since", "filters since"),
        ("recipient_phone", "recipient phone"),
        ("id", "the request"),
    ],
)
def test_a_field_is_named_in_words(name: str, words: str) -> None:
    assert fields.in_words(name) == words


def test_a_reason_is_text_and_no_markup() -> None:
    said = fields.listed({"a": "see [here](x) *now* :red[x] $1$"})
    assert said == r"- **a**: see \[here\](x) \*now\* \:red\[x\] \$1\$."
