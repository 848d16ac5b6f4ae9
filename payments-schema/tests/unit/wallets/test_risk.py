"""Risk rules are data; every hit is named, and the gravest outcome wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from payments_schema.wallets.risk import DEFAULT, RULES, Asked, Past, assess, hold_back

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ASKED = Asked(NOON, "c/u1", "+233243123499", 2500)


def rules(*given: dict[str, Any], **more: int) -> Any:
    return RULES.validate_python({"rules": list(given), **more})


def past(minutes: int, minor: int = 100, payer: str | None = "c/u1", payee: str = "+233243123499") -> Past:
    return Past(NOON - timedelta(minutes=minutes), payer, payee, minor)


def test_nothing_found_is_allowed() -> None:
    found = assess(ASKED, RULES.validate_python(DEFAULT))
    assert (found.outcome, found.score, found.reasons) == ("allow", 0, ())


def test_velocity_counts_within_its_window_only() -> None:
    rule = {"kind": "velocity_count", "name": "often", "subject": "payee", "window_s": 600, "most": 2}
    rule["score"] = 60
    two_and_an_old_one = replace(ASKED, history=[past(1), past(20), past(30)])
    assert assess(two_and_an_old_one, rules(rule)).outcome == "allow"
    assert assess(replace(ASKED, history=[past(1), past(9)]), rules(rule)).reasons == ("often",)


def test_a_payer_is_counted_over_payees_and_unknown_payers_are_not() -> None:
    rule = {
        "kind": "velocity_amount",
        "name": "much",
        "subject": "payer",
        "window_s": 600,
        "most_minor": 3000,
    }
    rule["outcome"] = "block"
    history = [past(1, 600, payee="+233200000000")]
    assert assess(replace(ASKED, history=history), rules(rule)).outcome == "block"
    assert assess(replace(ASKED, payer=None, history=history), rules(rule)).outcome == "allow"


def test_duplicates_new_payees_nights_and_large_amounts() -> None:
    made = rules(
        {"kind": "duplicate", "name": "twice", "window_s": 60, "score": 1},
        {"kind": "new_recipient", "name": "new", "over_minor": 2000, "score": 2},
        {"kind": "night", "name": "night", "from_hour": 22, "to_hour": 5, "over_minor": 2000, "score": 4},
        {"kind": "large", "name": "large", "over_minor": 2000, "score": 8},
        review_at=15,
    )
    late = replace(ASKED, at=NOON.replace(hour=23), is_known_payee=False)
    twice = replace(late, history=[Past(late.at - timedelta(seconds=5), "c/u1", ASKED.payee, 2500)])
    assert assess(late, made).reasons == ("new", "night", "large")
    found = assess(twice, made)
    assert (found.score, found.outcome) == (15, "review")
    assert assess(replace(twice, amount_minor=1999), made).score == 0


def test_lists_come_first() -> None:
    made = rules({"kind": "large", "name": "large", "over_minor": 1, "outcome": "block"})
    assert assess(replace(ASKED, listed={"good": "allow"}), made).outcome == "allow"
    assert assess(replace(ASKED, listed={"good": "allow", "bad": "block"}), made).reasons == ("bad",)
    assert assess(replace(ASKED, listed={"watched": "review"}), rules()).outcome == "review"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "astrology", "name": "x"},
        {"kind": "large", "name": "x"},
        {"kind": "large", "name": "x", "over_minor": 1, "extra": 1},
        {"kind": "night", "name": "x", "from_hour": 24, "to_hour": 1, "over_minor": 1},
    ],
)
def test_rules_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rules(wrong)


@pytest.mark.parametrize(
    ("listed", "outcome"), [({}, "review"), ({"fine": "allow"}, "allow"), ({"stolen": "block"}, "block")]
)
def test_where_rules_cannot_be_read_only_the_lists_let_pass(listed: Any, outcome: str) -> None:
    asked = Asked(NOON, "c/u1", "+233243123499", 100, listed=listed)
    found = hold_back(asked, "rule set 7 of o cannot be read")
    assert found.outcome == outcome
    assert ("rule set 7 of o cannot be read" in found.reasons) == (outcome == "review")
