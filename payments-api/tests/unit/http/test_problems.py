"""What a refusal may say."""

from payments_api.http import problems


def test_names_that_a_stranger_made_up_are_not_repeated() -> None:
    assert problems.field_name(("body", "accountId")) == "accountId"
    assert problems.field_name(("body", "payments", 3, "amount")) == "payments.3.amount"
    assert problems.field_name(("body", "4111111111111111")) == "(unknown)"
    assert problems.field_name(("body", "a b\n")) == "(unknown)"
    assert problems.field_name(("body", 4111111111111111)) == "(unknown)"
    assert problems.field_name(("body",)) == "body"


def test_a_problem_has_the_members_of_rfc_9457_and_error() -> None:
    members = problems.body(409, "in_flight", "Wait.", {"more": 1})
    assert members == {
        "type": "urn:payments:problem:in_flight",
        "title": "Conflict",
        "status": 409,
        "detail": "Wait.",
        "code": "in_flight",
        "error": "Wait.",
        "more": 1,
    }
