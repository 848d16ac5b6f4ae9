"""A change over two repositories: begun aside, committed as one, verified as a tuple, published, landed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Checkout

SERVED = """\
services:
  api:
    name: API
    commands: {start: sleep 1000}
    triggeredBy: [postEnvironmentStart]
"""


def told(checkout, *arguments, status=0, **more):
    return json.loads(checkout.devtools("change", *arguments, "--json", status=status, **more).stdout)


@pytest.fixture
def built(fleet):
    """beta builds on alpha."""
    alpha, beta = Checkout(fleet.folder / "alpha"), Checkout(fleet.folder / "parts/beta")
    project = '[project]\nname = "{}"\nversion = "1"\ndependencies = [{}]\n'
    (alpha.folder / "pyproject.toml").write_text(project.format("alpha", ""))
    (alpha.folder / "src/alpha").mkdir(parents=True)
    (alpha.folder / "src/alpha/states.py").write_text("PENDING = 1\n")
    alpha.commit(README="a\n")
    (beta.folder / "pyproject.toml").write_text(project.format("beta", '"alpha==1"'))
    (beta.folder / "src/beta").mkdir(parents=True)
    (beta.folder / "src/beta/main.py").write_text("from alpha.states import PENDING\n")
    beta.commit(README="b\n")
    (fleet.folder / "automations.yaml").write_text(SERVED)
    fleet.git("commit", "--quiet", "-am", "Serves")
    return fleet


@pytest.fixture
def begun(built):
    """A change of both, with a new name in alpha that beta uses; not committed yet."""
    told(built, "start", "hold", "--repo", "alpha", "--repo", "beta")
    tree = built.folder / ".devtools/changes/hold/tree"
    (tree / "alpha/src/alpha/states.py").write_text("PENDING = 1\nON_HOLD = 2\n")
    (tree / "parts/beta/src/beta/main.py").write_text("from alpha.states import ON_HOLD, PENDING\n")
    return built


def test_a_change_is_made_aside_and_committed_as_one(begun):
    homes = [Checkout(begun.folder / path) for path in ("alpha", "parts/beta")]
    heads = [home.git("rev-parse", "HEAD") for home in homes]
    rows = told(begun, "commit", "hold", "-m", "Payments may be held")
    assert [row["id"] for row in rows] == ["alpha", "beta"]
    tree = begun.folder / ".devtools/changes/hold/tree"
    texts = [Checkout(tree / path).git("log", "-1", "--format=%B") for path in ("alpha", "parts/beta")]
    change_id = told(begun, "status", "hold")["change_id"]
    assert all(f"Change-Id: {change_id}" in text for text in texts)
    assert f"Depends-On: alpha@{rows[0]['commit']}" in texts[1]
    assert heads == [
        Checkout(begun.folder / path).git("rev-parse", "HEAD") for path in ("alpha", "parts/beta")
    ]
    assert told(begun, "commit", "hold", "-m", "Nothing") == []
    assert [item["name"] for item in told(begun, "list")] == ["hold"]


def test_a_missing_part_is_named_before_anything_starts(begun):
    tree = begun.folder / ".devtools/changes/hold/tree"
    Checkout(tree / "alpha").git("checkout", "--quiet", "--", ".")
    told(begun, "commit", "hold", "-m", "Only beta")
    verdict = told(begun, "verify", "hold", status=1)
    assert [(step["name"], step["passed"]) for step in verdict["steps"]] == [
        ("depends-on", True), ("contracts", False)]  # fmt: skip
    why = verdict["steps"][1]["error"]
    assert (
        "parts/beta/src/beta/main.py:1: beta imports alpha.states.ON_HOLD, which alpha does not have" in why
    )
    done = begun.devtools("change", "land", "hold", status=3)
    assert "were refused" in done.stderr


def test_work_that_is_not_committed_is_not_verified(begun):
    done = begun.devtools("change", "verify", "hold", status=2)
    assert "work in alpha, beta" in done.stderr


@pytest.mark.long
def test_a_static_verdict_lands_nothing(begun, tmp_path):
    told(begun, "commit", "hold", "-m", "Payments may be held")
    verdict = told(begun, "verify", "hold", "--static", "--junit", str(tmp_path / "junit.xml"))
    assert verdict["passed"]
    assert 'tests="2" failures="0"' in (tmp_path / "junit.xml").read_text()
    assert begun.devtools("change", "land", "hold", status=3).stderr.count("change verify hold") == 1


def test_a_verified_change_lands_and_another_commit_does_not(begun):
    told(begun, "commit", "hold", "-m", "Payments may be held")
    verdict = told(begun, "verify", "hold")
    assert [step["name"] for step in verdict["steps"]] == ["depends-on", "contracts", "install", "start"]
    assert "<h1>Change hold: verified</h1>" in (
        begun.folder / verdict["evidence"] / "index.html").read_text()  # fmt: skip
    assert json.loads(begun.devtools("instance", "list", "--json").stdout) == []
    alpha = Checkout(begun.folder / ".devtools/changes/hold/tree/alpha")
    alpha.commit(later="l\n")
    assert "never verified together" in begun.devtools("change", "land", "hold", status=3).stderr
    alpha.git("reset", "--quiet", "--hard", "HEAD^")
    (begun.folder / "alpha/README").write_text("work\n")
    assert "not committed" in begun.devtools("change", "land", "hold", status=3).stderr
    Checkout(begun.folder / "alpha").git("checkout", "--quiet", "--", ".")
    assert [row["id"] for row in told(begun, "land", "hold", "--push")] == ["alpha", "beta"]
    for name, path in (("alpha", "alpha"), ("beta", "parts/beta")):
        head = Checkout(begun.folder / path).git("rev-parse", "HEAD")
        assert head == verdict["tuple"][name]
        assert Checkout(begun.folder.parent / "out" / f"{name}.git").git("rev-parse", "main") == head


@pytest.mark.long
def test_published_branches_are_found_again_by_ci(begun):
    told(begun, "commit", "hold", "-m", "Payments may be held")
    rows = told(begun, "publish", "hold")
    assert [row["id"] for row in rows] == ["alpha", "beta"]
    assert told(begun, "publish", "hold") == rows
    shutil.rmtree(begun.folder / ".devtools/changes")
    for path in ("alpha", "parts/beta"):
        checkout = Checkout(begun.folder / path)
        checkout.git("worktree", "prune")
        checkout.git("branch", "-D", "change/hold")
    verdict = told(begun, "verify", "hold", "--ci", "--static")
    assert {row["id"]: row["commit"] for row in rows}.items() <= verdict["tuple"].items()


@pytest.mark.long
def test_requests_are_opened_where_the_forge_has_a_program(begun, tmp_path):
    told(begun, "commit", "hold", "-m", "Payments may be held")
    programs = tmp_path / "programs"
    programs.mkdir()
    gh = programs / "gh"
    gh.write_text('#!/bin/sh\n[ "$2" = create ] || exit 1\necho "https://forge.example/$4/7"\n')
    gh.chmod(0o755)
    out = begun.folder.parent / "out"
    (out / "github").mkdir()
    for name, path in (("alpha", "alpha"), ("beta", "parts/beta")):
        shutil.move(out / f"{name}.git", out / f"github/{name}.git")
        Checkout(begun.folder / path).git("remote", "set-url", "origin", str(out / f"github/{name}.git"))
    rows = told(begun, "publish", "hold", PATH=f"{programs}:{begun.environment['PATH']}")
    assert {row["request"] for row in rows} == {"https://forge.example/change/hold/7"}


def test_names_and_workflows(built):
    assert "cannot name a change" in built.devtools("change", "start", "../x", status=2).stderr
    assert "there is no change x" in built.devtools("change", "status", "x", status=2).stderr
    for forge in ("github", "gitlab"):
        assert "--ci --junit junit.xml" in built.devtools("change", "workflow", forge).stdout


@pytest.mark.long
def test_the_readme_s_commands_work(built):
    readme = Path(__file__).parents[3] / "README.md"
    section = readme.read_text().partition("## Several repositories as one\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    commands = [line[2:] for block in blocks for line in block.splitlines()]
    assert len(commands) == 16
    for command in commands:
        done = subprocess.run(
            ["sh", "-ec", command], cwd=built.folder, env=built.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
    assert "ON_HOLD" in (built.folder / "alpha/src/alpha/states.py").read_text()
