"""Which steps a restart affects: of the seven by service, of other scenarios as they say."""

from __future__ import annotations

import pytest

from devtools.validation import affected, scenarios
from devtools.validation.model import Outcome, Step, StepFailed
from devtools.validation.scenarios import Registration
from devtools.validation.world import World

SEVEN = [
    "payment-creation",
    "database-persistence",
    "job-queue",
    "worker-processing",
    "ledger-updates",
    "balance-endpoint",
    "idempotency",
]


@pytest.fixture
def everything():
    """Every scenario with its steps, of a world that is never asked."""
    with World(api_url="http://127.0.0.1:9", database_url="") as world:
        return [(entry, entry.make(world).steps()) for entry in scenarios.registered(everything=True)]


@pytest.fixture
def seven(everything):
    return [pair for pair in everything if pair[0].is_default]


def passed(pairs) -> dict[str, Outcome]:
    """All have passed the last time."""
    return {step.id: Outcome(step) for _, steps in pairs for step in steps}


@pytest.mark.parametrize(
    ("restarted", "left_out"),
    [
        ("api", []),
        ("worker", ["database-persistence", "job-queue", "idempotency"]),
        ("ui", SEVEN),
        ("provider-simulator", SEVEN),
        ("migrate", []),
        ("postgres", []),
    ],
)
def test_of_the_seven_steps_are_left_out(seven, restarted, left_out):
    choice = affected.choose(seven, {restarted}, passed(seven))
    assert list(choice.left_out) == left_out
    assert choice.run == set(SEVEN) - set(left_out)


def test_it_is_said_why_a_step_is_left_out(seven):
    choice = affected.choose(seven, {"worker"}, passed(seven))
    assert choice.left_out["job-queue"] == "touches only api, migrate, postgres"


def test_a_step_that_did_not_pass_is_run_again_with_what_it_needs(seven):
    last = passed(seven)
    entry = next(step for _, steps in seven for step in steps if step.id == "ledger-updates")
    last["ledger-updates"] = Outcome(entry, error=StepFailed("one", "none", service="worker"))
    last["balance-endpoint"] = Outcome(entry, was_run=False)
    assert affected.choose(seven, {"ui"}, last).run == {
        "payment-creation", "worker-processing", "ledger-updates", "balance-endpoint",
    }  # fmt: skip
    assert affected.choose(seven, {"ui"}, {}).run == set(SEVEN)  # the first time


def test_a_restart_of_the_simulator_concerns_the_wallets_alone(everything):
    choice = affected.choose(everything, {"provider-simulator"}, passed(everything))
    assert {id_.partition("-")[0] for id_ in choice.run} == {"wallet"}


def test_without_a_word_a_step_is_affected_by_everything_and_needs_all_before_it():
    steps = [Step(id_, id_, dict) for id_ in ("one", "two", "three")]
    steps[1] = Step("two", "two", dict, frozenset({"api"}))
    pairs = [(Registration("x", "X", 1, lambda _: None), steps)]
    assert affected.choose(pairs, {"ui"}, passed(pairs)).run == {"one", "two", "three"}
    only_two = [(Registration("x", "X", 1, lambda _: None, touches=frozenset({"page"})), steps)]
    assert affected.choose(only_two, {"api"}, passed(only_two)).run == {"one", "two"}


def test_every_step_has_an_id_of_its_own_and_needs_only_earlier_ones(everything):
    ids = [step.id for _, steps in everything for step in steps]
    assert len(ids) == len(set(ids))
    for _, steps in everything:
        for index, step in enumerate(steps):
            assert set(step.needs or ()) <= {before.id for before in steps[:index]}
