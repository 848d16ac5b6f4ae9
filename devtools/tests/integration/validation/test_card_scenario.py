"""The card scenario against a system that refuses: it says so, and runs nothing further."""

from __future__ import annotations

from devtools.validation import run
from devtools.validation.scenarios import registered
from devtools.validation.scenarios.cards import CardScenario


def test_cards_are_part_of_all() -> None:
    assert "cards" in [entry.id for entry in registered(everything=True)]


def test_a_refusing_system_fails_at_the_first_step(world, tiny):
    tiny.defect = "api-refuses"
    outcomes = run.run_scenario(CardScenario(world), world, lambda _: None)
    assert [outcome.step.id for outcome in outcomes if outcome.error] == ["card-authorization"]
    assert "201 with" in outcomes[0].error.expected
    assert [outcome.was_run for outcome in outcomes] == [True] + [False] * 7
