"""What may name an end of a search, what is taken where nothing does, and which commits lie between."""

from __future__ import annotations

import json

import pytest

from devtools.bisect import ends, history
from devtools.changes import place
from devtools.errors import WrongUse
from devtools.repositories.checkouts import Checkout

from ..instances.conftest import within
from .conftest import Fleet, Reader, built_and_valid, hunted


def verified(fleet, name, tuple_, day, **more):
    """The evidence of a change that was verified at these commits."""
    folder = fleet.root / ".devtools/changes" / name
    evidence = folder / "evidence" / place.key_of(tuple_)
    evidence.mkdir(parents=True)
    (folder / "change.json").write_text(json.dumps({"base": {"alpha": tuple_["alpha"]}, "change_id": "I1"}))
    verdict = {"change": name, "tuple": tuple_, "key": place.key_of(tuple_), "passed": True, "scope": "full",
               "at": f"2026-01-0{day}T00:00:00+00:00", "steps": [], **more}  # fmt: skip
    (evidence / "verdict.json").write_text(json.dumps(verdict))


def test_the_newest_verified_tuple_behind_the_present_is_taken_and_not_tried_again(fleet, here):
    judge = Reader(fleet, built_and_valid)
    with pytest.raises(WrongUse, match="nothing that was verified here") as refused:
        hunted(here, judge, "")
    assert "repos freeze" in refused.value.hint
    tuples = []
    for _ in range(4):
        tuples.append(ends.bad_end(here, ""))
        fleet.commit("alpha", "work")
    verified(fleet, "older", tuples[0], 1)
    verified(fleet, "newer", tuples[1], 2)
    verified(fleet, "refused", tuples[2], 3, passed=False)
    verified(fleet, "static", tuples[3], 4, scope="static")
    aside = fleet.git(fleet.root / "beta", "commit-tree", "-m", "aside", "HEAD^{tree}")
    verified(fleet, "elsewhere", {**tuples[1], "beta": aside}, 5)
    verified(fleet, "of-fewer", {name: sha for name, sha in tuples[2].items() if name != "gamma"}, 6)
    culprit = fleet.commit("gamma", "broken")
    bad = ends.bad_end(here, "")
    assert ends.good_end(here, "", bad) == tuples[1]
    found = hunted(here, judge, "")
    assert [row["commit"] for row in found["first_bad"]] == [culprit]
    assert place.key_of(tuples[1]) not in judge.tried and found["remembered"] == 1


def test_a_file_a_change_a_key_and_a_ref_name_the_same_tuple(fleet, here):
    file = fleet.freeze("good.json")
    good = ends.bad_end(here, "")
    verified(fleet, "hold", good, 1)
    for folder in (fleet.root, *(fleet.root / part for part in ("alpha", "beta", "gamma"))):
        fleet.git(folder, "tag", "v1")
    fleet.commit("beta", "broken")
    bad = ends.bad_end(here, "")
    key = place.key_of(good)
    for name in (file, "hold", key, key[:8], "v1"):
        assert ends.good_end(here, name, bad) == good, name
    assert ends.bad_end(here, "HEAD") == ends.bad_end(here, "main") == bad != good
    fleet.git(fleet.root / "alpha", "branch", "change/hold", "v1")
    fleet.commit("alpha", "work")
    assert ends.bad_end(here, "hold") == bad  # where the change is now, and the others at present


def test_names_of_nothing_are_refused_with_what_may_be_named(fleet, here):
    bad = ends.bad_end(here, "")
    file = fleet.root.parent / "part.json"
    file.write_text(json.dumps({"repositories": {".": {"commit": bad["."]}}}))
    fleet.git(fleet.root / "alpha", "tag", "only-here")
    verified(fleet, "poor", bad, 1, passed=False)
    for name, why in {
        "nowhere": "no file, no change, no key of a verdict, and no ref",
        "abcdef0123": "no file, no change, no key",
        str(file): "has no commit of alpha, beta, gamma",
        "only-here": "only-here has no commit of ., beta, gamma",
        "poor": "the change poor was never verified",
    }.items():
        with pytest.raises(WrongUse, match=why) as refused:
            ends.good_end(here, name, bad)
        assert refused.value.hint
    lost = {**bad, "alpha": "0" * 40}
    with pytest.raises(WrongUse, match="alpha has no commit 0000") as refused:
        history.line(Checkout("alpha", fleet.root / "alpha", "alpha"), lost["alpha"], bad["alpha"])
    assert "fetch" in refused.value.hint


def test_a_merge_is_one_commit_of_the_line_and_brings_what_it_merged(fleet):
    alpha, checkout = fleet.root / "alpha", Checkout("alpha", fleet.root / "alpha", "alpha")
    good = fleet.git(alpha, "rev-parse", "HEAD")
    first = fleet.commit("alpha", "one")
    fleet.git(alpha, "switch", "--quiet", "-c", "aside", good)
    (alpha / "other").write_text("o\n")
    fleet.git(alpha, "add", "other")
    fleet.git(alpha, "commit", "--quiet", "-m", "aside", "--trailer", "Change-Id: I9")
    aside = fleet.git(alpha, "rev-parse", "HEAD")
    fleet.git(alpha, "switch", "--quiet", "main")
    fleet.git(alpha, "merge", "--quiet", "--no-edit", "aside")
    merge = fleet.git(alpha, "rev-parse", "HEAD")
    last = fleet.commit("alpha", "two")
    line = history.line(checkout, good, last)
    assert [move.commit for move in line] == [first, merge, last]
    assert line[1].brings == {merge, aside} and line[1].change_ids == {"I9"}
    assert [move.commit for move in history.line(checkout, aside, last)] == [merge, last]
    assert history.line(checkout, aside, last)[0].brings == {merge, first}


def test_a_single_checkout_is_searched_commit_by_commit_and_its_parts_are_named(tmp_path, monkeypatch):
    fleet = Fleet(tmp_path / "single").make(single=True)
    here = within(fleet, monkeypatch)
    good = fleet.git(fleet.root, "rev-parse", "HEAD")
    made = [fleet.commit(part, state, "Change-Id: I5") for part, state in
            [("alpha", "work"), ("beta", "broken"), ("gamma", "broken")]]  # fmt: skip

    def rule(states):
        return {"validate": "broken" if states["."] == "broken" else ""}

    found = hunted(here, Reader(fleet, rule), good)
    assert [(row["repository"], row["commit"], row["parts"]) for row in found["first_bad"]] == [
        (".", made[1], ["beta"])
    ]
    assert found["alone"] is True and found["tries"] == found["tries_in_all"] == 4
