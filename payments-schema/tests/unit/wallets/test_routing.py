"""Routing decides by exclusions and expected value, explains itself, and replays."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from pydantic import ValidationError

from payments_schema.wallets.routing import (
    WEIGHTS,
    Candidate,
    Route,
    Terms,
    Tier,
    Wanted,
    Weights,
    Window,
    route,
)
from payments_schema.wallets.tariffs import DEFAULT_TERMS
from payments_schema.wire.wallets import WalletDirection, WalletProvider

MTN, TELECEL, AIRTELTIGO = WalletProvider
NO_EXPLORING = Weights(explore_ppm=0)


def wanted(**changes: object) -> Wanted:
    base = Wanted("pay_1", WalletDirection.DISBURSE, 2500, "GHS", "mtn")
    return replace(base, **changes)  # pyright: ignore[reportArgumentType]


def candidates(**changes: dict[str, object]) -> list[Candidate]:
    return [
        replace(Candidate(provider, terms), **changes.get(provider.value, {}))  # pyright: ignore[reportArgumentType]
        for provider, terms in DEFAULT_TERMS.items()
    ]


def excluded(found: Route) -> dict[str, str]:
    return {c.provider.value: c.excluded for c in found.candidates if c.excluded is not None}


def test_equal_success_goes_to_the_lowest_fee() -> None:
    found = route(wanted(), candidates(), NO_EXPLORING)
    assert found.chosen is not None
    assert found.chosen.provider is MTN
    assert [c.fee_minor for c in found.candidates] == [19, 25, 33]


def test_a_score_can_be_checked_by_hand() -> None:
    window = Window(successes=89, failures=1, latency_ms=3000)
    found = route(wanted(), candidates(mtn={"window": window}), NO_EXPLORING)
    (own,) = [c for c in found.candidates if c.provider is MTN]
    # (89 + 9) / (90 + 10) = 98 %; worth 3 % of 2500 = 75; 0.98 × 75 = 73; fee 19; 3 s × 2 = 6
    assert (own.success_ppm, own.score_minor) == (980_000, 73 - 19 - 6)


def test_failures_cost_more_than_fees() -> None:
    found = route(wanted(), candidates(mtn={"window": Window(30, 70)}), NO_EXPLORING)
    assert found.chosen is not None
    assert found.chosen.provider is AIRTELTIGO


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"balance_minor": 2518}, "float below amount and fee"),
        ({"health": "open"}, "does not answer (circuit open)"),
        ({"is_full": True}, "has no free line"),
        ({"window": Window(0, 100)}, "success rate below the threshold"),
        ({"terms": replace(DEFAULT_TERMS[MTN], is_enabled=False)}, "is switched off"),
        ({"terms": replace(DEFAULT_TERMS[MTN], currencies=frozenset({"XOF"}))}, "does not carry GHS"),
    ],
)
def test_hard_exclusions_are_named(changes: dict[str, object], reason: str) -> None:
    found = route(wanted(), candidates(mtn=changes), NO_EXPLORING)
    assert excluded(found) == {"mtn": reason}


def test_just_enough_float_is_enough() -> None:
    assert excluded(route(wanted(), candidates(mtn={"balance_minor": 2519}), NO_EXPLORING)) == {}


def test_capability_and_wish_and_former_refusal_exclude() -> None:
    collected = route(
        wanted(direction=WalletDirection.COLLECT, network="telecel"), candidates(), NO_EXPLORING
    )
    assert excluded(collected) == {"mtn": "cannot collect on telecel"}
    asked = route(wanted(provider=TELECEL), candidates(), NO_EXPLORING)
    assert set(excluded(asked)) == {"mtn", "airteltigo"}
    again = route(wanted(tried=frozenset({MTN})), candidates(), NO_EXPLORING)
    assert excluded(again) == {"mtn": "has refused this payment"}


def test_nobody_left_says_whether_that_may_change() -> None:
    tried = wanted(tried=frozenset(WalletProvider))
    assert not route(tried, candidates(), NO_EXPLORING).may_change
    asleep = wanted(tried=frozenset({MTN, TELECEL}))
    found = route(asleep, candidates(airteltigo={"health": "open"}), NO_EXPLORING)
    assert found.chosen is None
    assert found.may_change


def test_exploration_replays_and_is_rare_and_never_picks_the_excluded() -> None:
    weights = Weights(explore_ppm=100_000, seed=7)
    many = [wanted(payment_id=f"pay_{n}") for n in range(2000)]
    found = [route(one, candidates(telecel={"health": "open"}), weights) for one in many]
    again = [route(one, candidates(telecel={"health": "open"}), weights) for one in many]
    assert found == again
    explored = [one for one in found if one.reason.startswith("exploration")]
    assert 120 < len(explored) < 280
    assert {one.chosen.provider for one in explored if one.chosen} == {AIRTELTIGO}


def test_tiers_and_caps_make_the_fee() -> None:
    terms = Terms((Tier(fixed_minor=5, bps=100, most_minor=50), Tier(10_000, bps=10)), {})
    assert [terms.fee(amount) for amount in (0, 1, 100, 9999, 10_000, 10_001)] == [5, 6, 6, 50, 10, 11]


def test_a_decision_takes_less_than_200_us() -> None:
    made = candidates()
    one = wanted()
    best = min(_timed(one, made) for _ in range(20))
    assert best < 200e-6


def _timed(one: Wanted, made: list[Candidate]) -> float:
    began = time.perf_counter()
    for _ in range(20):
        route(one, made, NO_EXPLORING).explained()
    return (time.perf_counter() - began) / 20


def test_a_reader_can_check_the_choice_by_hand() -> None:
    seen = candidates(
        mtn={"window": Window(40, 7, 1300), "balance_minor": 90_000},
        telecel={"window": Window(12, 0, 400)},
        airteltigo={"window": Window(99, 0, 10), "balance_minor": 5},
    )
    told = route(wanted(amount_minor=12_345), seen, NO_EXPLORING).explained()
    weights, worth = told["weights"], told["worth_minor"]
    asked = told["asked"]["amount_minor"]
    assert worth == max(asked * weights["worth_bps"] // 10_000, weights["least_worth_minor"])
    for one in told["candidates"]:
        rate = (one["successes"] + weights["prior_successes"]) * 1_000_000
        assert one["success_ppm"] == rate // (
            one["samples"] + weights["prior_successes"] + weights["prior_failures"]
        )
        waiting = one["latency_ms"] * weights["second_costs_minor"] // 1000
        assert one["score_minor"] == one["success_ppm"] * worth // 1_000_000 - one["fee_minor"] - waiting
    able = [one for one in told["candidates"] if one["excluded"] is None]
    assert len(able) == 2
    assert told["provider"] == max(able, key=lambda one: one["score_minor"])["provider"]


@pytest.mark.parametrize(
    "wrong", [{"prior_failures": 0}, {"worth_bps": -1}, {"seed": 1.5}, {"seed": "1"}, {"surplus": 1}]
)
def test_weights_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    assert WEIGHTS.validate_python({"worth_bps": 500}) == Weights(worth_bps=500)
    with pytest.raises(ValidationError):
        WEIGHTS.validate_python(wrong)
