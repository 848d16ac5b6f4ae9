"""Tuples tried in real instances: made, started, asked and removed; the home is as it was."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from devtools_waiting import until

from devtools import trust
from devtools.bisect import ends, trials
from devtools.bisect.kept import Question
from devtools.changes import place
from devtools.errors import Blocked
from devtools.instances import life
from devtools.instances.place import named

from ..instances.conftest import home_with_database  # noqa: F401  (fixture)
from ..instances.test_instances import databases
from .conftest import PARTS, Fleet
from .test_ends import verified


@pytest.fixture
def fleet(fleet: Fleet):
    """The same, of which something may run."""
    yield fleet
    fleet.clear()


def left(fleet: Fleet) -> list[str]:
    """The instances that are there, and the processes."""
    folder = fleet.root / ".devtools/instances"
    found = [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return found + [" ".join(process.cmdline()) for process in fleet.processes()]


def told(fleet: Fleet, *words: str, status: int = 0):
    return json.loads(fleet.run("change", "bisect", *words, "--json", status=status).stdout)


def at(fleet: Fleet) -> list[str]:
    """All that a search must leave as it is: branches, commits, files, worktrees."""
    folders = (fleet.root, *(fleet.root / part for part in PARTS))
    asked = (["status", "--porcelain", "--branch"], ["for-each-ref"], ["worktree", "list"])
    return [fleet.git(folder, *words) for folder in folders for words in asked]


def test_the_commit_that_broke_the_validation_is_found_in_instances(fleet, here):
    good = ends.bad_end(here, "")
    verified(fleet, "first", good, 1)
    fleet.commit("alpha", "work")
    culprit = fleet.commit("beta", "broken")
    (fleet.root / "alpha/state").write_text("not committed\n")
    before = at(fleet)
    done = fleet.run("change", "bisect", "--first-only")
    assert f"beta       {culprit[:12]}  A       broken   -" in done.stdout
    assert "step      validate" in done.stdout and "beta/state:broken" in done.stdout
    assert "step 1 of 2, tries left: about 1" in done.stderr and "2 tried, 1 remembered" in done.stderr
    assert "not committed, so not searched: work in alpha" in done.stderr
    assert at(fleet) == before and left(fleet) == []
    evidence = re.search(r"^evidence  (.*)$", done.stdout, re.MULTILINE)
    assert evidence and "beta/state:broken" in Path(evidence[1], "logs/validate.log").read_text()


def test_two_searches_do_not_work_in_one_home(here, monkeypatch):
    monkeypatch.setattr(trials, "LOCK_PATIENCE_S", 0.1)
    refused = pytest.raises(Blocked, match="another bisect is at work")
    with trials.alone(here), refused, trials.alone(here):
        pass
    with trials.alone(here):
        pass


def test_what_is_no_fault_of_the_commits_is_not_kept(fleet, here, monkeypatch):
    monkeypatch.setattr(life, "LOCK_PATIENCE_S", 0.1)
    tuple_ = ends.bad_end(here, "")
    question = Question(here)
    with life.alone(named(here, f"bisect-{place.key_of(tuple_)[:12]}")), pytest.raises(Blocked):
        trials.judge(question, tuple_, lambda _: None)
    assert question.remembered(tuple_) == {}


def test_commands_that_nobody_agreed_to_are_named_before_the_first_try(fleet):
    good = fleet.freeze("good.json")
    (fleet.root / "alpha/.git" / trust.MARK).write_text('{"url": "https://forge.example/alpha.git"}')
    (fleet.root / "alpha/Makefile").write_text("all:\n")
    fleet.commit("beta", "broken")
    done = fleet.run("change", "bisect", "--good", good, status=2)
    assert "alpha was cloned from https://forge.example/alpha.git, and nobody has agreed" in done.stderr
    assert not list((fleet.root / ".devtools").glob("bisect/*/*"))


def test_one_question_at_a_time(fleet):
    assert "two questions" in fleet.run("change", "bisect", "--run", "true", "--all", status=2).stderr


@pytest.mark.long
def test_a_search_that_was_killed_goes_on_and_clears_up(fleet):
    good = fleet.freeze("good.json")
    for number in range(8):
        fleet.commit(PARTS[number % 3], "broken" if number in (5, 8) else "work")
    culprit = fleet.git(fleet.root / "gamma", "rev-parse", "HEAD")
    before = at(fleet)
    process = fleet.begin("change", "bisect", "--good", good)
    verdicts = fleet.root / ".devtools/bisect/validate"
    until(lambda: len(list(verdicts.glob("*/verdict.json"))) >= 2, "two verdicts", 300)
    until(lambda: left(fleet), "a third try", 300)
    process.kill()  # alone: what it started works on
    process.communicate()
    known = len(list(verdicts.glob("*/verdict.json")))
    found = told(fleet, "--good", good)
    assert [row["commit"] for row in found["first_bad"]] == [culprit]
    assert found["remembered"] >= 2 and found["tries_in_all"] + known == len(
        list(verdicts.glob("*/verdict.json"))
    )
    assert at(fleet) == before and left(fleet) == []


@pytest.mark.long
def test_a_search_that_was_told_to_stop_clears_up_at_once_and_may_be_begun_anew(fleet):
    good = fleet.freeze("good.json")
    culprit = fleet.commit("alpha", "broken")
    asked = fleet.root.parent / "asked"
    process = fleet.begin("change", "bisect", "--good", good, "--run", f"touch {asked}; exec sleep 1000")
    until(asked.exists, "the command", 300)
    process.terminate()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert left(fleet) == [] and not list((fleet.root / ".devtools").glob("bisect/*/*"))
    for words, tries in (((), 2), ((), 0), (("--anew",), 2)):
        found = told(fleet, "--good", good, *words)
        assert [row["commit"] for row in found["first_bad"]] == [culprit]
        assert (found["tries"], found["tries_in_all"]) == (tries, tries)


@pytest.mark.long
def test_what_does_not_start_is_skipped_and_an_interrupted_command_says_nothing(fleet):
    good = fleet.freeze("good.json")
    for state in ("work", "crooked", "crooked", "work", "broken"):
        culprit = fleet.commit("alpha", state)
    found = told(fleet, "--good", good)
    assert [row["commit"] for row in found["first_bad"]] == [culprit]
    assert all("start" in item["why"] for item in found["skipped"])
    ask = "if grep crooked alpha/state; then exit 125; fi; ! grep broken alpha/state"
    shutil.rmtree(fleet.root / ".devtools/bisect")
    found = told(fleet, "--good", good, "--run", ask)
    assert found["step"] == "run" and [row["commit"] for row in found["first_bad"]] == [culprit]
    assert found["error"].endswith("ended with 1\nbroken")
    done = fleet.run("change", "bisect", "--good", good, "--run", "kill -9 $$", status=1)
    assert "was ended by a signal" in done.stderr and "call again" in done.stderr
    assert len(list((fleet.root / ".devtools/bisect").glob("*/*/verdict.json"))) == found["tries_in_all"]
    assert left(fleet) == []


@pytest.mark.long
def test_the_migration_that_cannot_be_run_is_found_and_its_databases_are_gone(home_with_database):  # noqa: F811
    home = home_with_database
    good = home.git(home.root, "rev-parse", "HEAD")
    (home.root / "migrations/0002.sql").write_text("SELECT 1;\n")
    home.git(home.root, "add", "--all")
    home.git(home.root, "commit", "--quiet", "-m", "fine")
    (home.root / "migrations/0003.sql").write_text("ALTER TABLE nowhere ADD x int;\n")
    home.git(home.root, "add", "--all")
    home.git(home.root, "commit", "--quiet", "-m", "breaks")
    culprit = home.git(home.root, "rev-parse", "HEAD")
    alpha = home.root / "alpha"
    (alpha / "one").write_text("2\n")
    home.git(alpha, "commit", "--quiet", "-am", "work")
    file = home.root.parent / "good.json"
    commits = {".": {"commit": good}, "alpha": {"commit": home.git(alpha, "rev-parse", "HEAD^")}}
    file.write_text(json.dumps({"repositories": commits}))
    process = home.begin("change", "bisect", "--good", str(file), "--step", "migrate", "--json")
    out, words = process.communicate(timeout=600)
    assert process.returncode == 0, words
    found = json.loads(out)
    assert [row["commit"] for row in found["first_bad"]] == [culprit]
    assert found["alone"] is True
    assert "nowhere" in found["error"]
    assert home.json("instance", "list") == []
    assert not [name for name in databases(home) if name.startswith("instance_")]
