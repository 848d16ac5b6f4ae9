"""Searches over real repositories, judged without instances: what is found, and in how many tries."""

from __future__ import annotations

import math

import pytest

from devtools.bisect.kept import Question
from devtools.errors import WrongUse

from .conftest import PARTS, Reader, built_and_valid, hunted


def commits(rows):
    return [(row["repository"], row["commit"]) for row in rows]


@pytest.mark.parametrize("where", [0, 12, 19])
def test_the_commit_of_one_repository_that_broke_the_step_is_found(fleet, here, where):
    good = fleet.freeze("good.json")
    for number in range(where):
        fleet.commit(PARTS[number % 3], "work")
    culprit = fleet.commit(PARTS[where % 3], "broken by me")
    for number in range(where + 1, 20):
        fleet.commit(PARTS[number % 3], "broken still" if number % 3 == where % 3 else "work")
    judge = Reader(fleet, built_and_valid)
    found = hunted(here, judge, good)
    assert found["found"] and commits(found["first_bad"]) == [(PARTS[where % 3], culprit)]
    row = found["first_bad"][0]
    assert (row["author"], row["subject"], row["merges"]) == ("A", "broken by me", 0)
    assert (found["step"], found["error"]) == ("validate", f"['{PARTS[where % 3]}'] broken")
    assert found["tries"] <= math.ceil(math.log2(20)) + 2
    assert found["alone"] is True and found["tries_in_all"] == len(judge.tried) <= found["tries"] + 1
    line = fleet.git(fleet.root / PARTS[where % 3], "rev-parse", f"{culprit}^")
    assert (found["good"][PARTS[where % 3]], found["bad"][PARTS[where % 3]]) == (line, culprit)
    assert "20 commits of 4 repositories between good and bad, in 20 steps" in found["said"]


def test_what_only_two_commits_together_break_is_both_of_them(fleet, here):
    good = fleet.freeze("good.json")
    fleet.commit("beta", "work")
    first = fleet.commit("alpha", "new form")
    for _ in range(3):
        fleet.commit("beta", "work")
    second = fleet.commit("gamma", "old reader")
    fleet.commit("beta", "work")

    def rule(states):
        is_broken = (states["alpha"], states["gamma"]) == ("new form", "old reader")
        return {"validate": "it does not fit" if is_broken else ""}

    judge = Reader(fleet, rule)
    found = hunted(here, judge, good)
    assert commits(found["first_bad"]) == [("gamma", second)]
    assert found["alone"] is False and commits(found["together_with"]) == [("alpha", first)]
    assert found["tries"] <= math.ceil(math.log2(7)) + 2

    known = len(judge.tried)
    again = hunted(here, judge, good, alone=False)
    assert commits(again["first_bad"]) == [("gamma", second)] and again["alone"] is None
    assert len(judge.tried) == known and again["tries"] == 0


def test_a_change_over_repositories_is_one_step(fleet, here):
    good = fleet.freeze("good.json")
    fleet.commit("alpha", "work")
    parts = [fleet.commit(part, "broken form", "Change-Id: I7") for part in ("alpha", "beta")]
    fleet.commit("gamma", "reads it", f"Depends-On: beta@{parts[1]}")

    def rule(states):  # half of the change would break as well: nobody ever had that
        halves = sum("broken" in states[part] for part in ("alpha", "beta"))
        assert halves != 1
        return {"validate": "broken" if halves else ""}

    found = hunted(here, Reader(fleet, rule), good)
    assert commits(found["first_bad"]) == list(zip(("alpha", "beta"), parts, strict=True))
    assert {id_ for row in found["first_bad"] for id_ in row["change_ids"]} == {"I7"}
    assert "4 commits of 4 repositories between good and bad, in 3 steps" in found["said"]


def test_what_cannot_be_built_is_skipped_and_the_break_found_beyond_it(fleet, here):
    good = fleet.freeze("good.json")
    states = ["work"] * 6 + ["crooked"] * 5 + ["work"] * 2 + ["broken"] * 3
    made = [fleet.commit("alpha", state) for state in states]
    judge = Reader(fleet, built_and_valid)
    found = hunted(here, judge, good)
    assert commits(found["first_bad"]) == [("alpha", made[13])]
    assert found["skipped"] and all(item["why"] == "start failed" for item in found["skipped"])
    assert len(judge.tried) < len(made)


def test_a_break_among_what_cannot_be_built_is_told_as_a_range(fleet, here):
    good = fleet.freeze("good.json")
    made = [fleet.commit("beta", state) for state in ["work", "crooked", "crooked", "broken"]]
    found = hunted(here, Reader(fleet, built_and_valid), good)
    assert not found["found"]
    assert commits(found["first_bad"]) == [("beta", sha) for sha in made[1:]]
    assert found["good"]["beta"] == made[0] and found["bad"]["beta"] == made[3]


def test_another_step_may_be_asked_for(fleet, here):
    good = fleet.freeze("good.json")
    first = fleet.commit("alpha", "slow")
    second = fleet.commit("beta", "wrong")

    def rule(states):
        return {"adds up": "no" if states["beta"] == "wrong" else "",
                "in time": "no" if states["alpha"] == "slow" else ""}  # fmt: skip

    judge = Reader(fleet, rule)
    found = hunted(here, judge, good)
    assert (found["step"], commits(found["first_bad"])) == ("adds up", [("beta", second)])
    assert "looks for what broke `adds up`; also failed: in time" in found["said"]
    found = hunted(here, judge, good, step="in time")
    assert (found["step"], commits(found["first_bad"])) == ("in time", [("alpha", first)])
    with pytest.raises(WrongUse, match="do not fail `in vain`") as refused:
        hunted(here, judge, good, step="in vain")
    assert refused.value.hint == "what they fail: adds up, in time"


def test_a_search_that_was_cut_off_goes_on_where_it_was(fleet, here):
    good = fleet.freeze("good.json")
    for number in range(10):
        fleet.commit(PARTS[number % 3], "broken" if number > 6 and number % 3 == 2 else "work")
    whole = hunted(here, Reader(fleet, built_and_valid), good)
    Question(here).forget()
    tried: list[str] = []
    for cut in range(1, whole["tries_in_all"] + 1):
        judge = Reader(fleet, built_and_valid)
        judge.tries_left = 1
        try:
            last = hunted(here, judge, good)
        except KeyboardInterrupt:
            assert len(judge.tried) == 1, cut
        tried += judge.tried
    assert len(tried) == len(set(tried)) == whole["tries_in_all"]
    last = hunted(here, Reader(fleet, built_and_valid), good)
    assert last["first_bad"] == whole["first_bad"]
    assert (last["tries_in_all"], last["remembered"]) == (0, whole["tries_in_all"])


def test_ends_that_are_none_are_refused_with_a_way_out(fleet, here):
    good = fleet.freeze("good.json")
    judge = Reader(fleet, built_and_valid)
    with pytest.raises(WrongUse, match="the same commits"):
        hunted(here, judge, good)
    first = fleet.commit("alpha", "work")
    with pytest.raises(WrongUse, match="the bad commits are not bad: every step passes"):
        hunted(here, judge, good)
    fleet.commit("beta", "broken")
    bad = fleet.freeze("bad.json")
    fleet.commit("alpha", "broken too")
    with pytest.raises(WrongUse, match="`validate` fails there as well") as refused:
        hunted(here, judge, bad)
    assert "--good" in refused.value.hint
    with pytest.raises(WrongUse, match=r"alpha: the bad commit .* does not descend") as refused:
        hunted(here, judge, bad, bad=good)
    fleet.git(fleet.root / "alpha", "switch", "--quiet", "--detach", first)
    aside = fleet.commit("alpha", "broken aside")
    with pytest.raises(WrongUse, match="does not descend from the good one") as refused:
        hunted(here, judge, "main", bad="HEAD")
    assert first in refused.value.hint
    assert fleet.git(fleet.root / "alpha", "rev-parse", "HEAD") == aside  # as we left it
    fleet.commit("gamma", "crooked")
    crooked = fleet.freeze("crooked.json")
    fleet.commit("gamma", "broken")
    with pytest.raises(WrongUse, match="`validate` cannot be judged there: start failed"):
        hunted(here, judge, crooked)
