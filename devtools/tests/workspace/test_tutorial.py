"""The whole workspace as repositories of their own: opened from one clone, changed as the tutorial says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from devtools.instances import calls

ROOT = Path(__file__).parents[3]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
PARTS = dict(re.findall(r"^### (\S+)\n.*?```sh\n(.*?)```", TUTORIAL, re.MULTILINE | re.DOTALL))
MISSING = re.findall(r"^\| (\S+) \| (\w+(?:: \S+)?) \| `(.*)` \|$", TUTORIAL, re.MULTILINE)
BEGIN, COMMIT = (
    re.search(rf"^\./dev change {verb} on-hold.*$", TUTORIAL, re.MULTILINE) for verb in ("start", "commit")
)


def run(folder: Path, command: str, status: int = 0) -> str:
    """What the command line prints; as a person's shell would run it, with an author for commits."""
    author = {
        f"GIT_{role}_{what}": "a@b.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    kept = {name: value for name, value in calls.clean_environment().items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        ["sh", "-ec", command], cwd=folder, env=kept | author, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A clone of the orchestrator's repository, with what `./dev up` said there."""
    folder = tmp_path_factory.mktemp("split")
    run(folder, f"git clone --quiet {ROOT} single")
    run(folder / "single", f"{ROOT}/.venv/bin/devtools repos split --to ../repositories")
    run(folder, "git clone --quiet repositories/workspace.git workspace")
    said = run(folder / "workspace", "./dev up 2>&1")
    yield folder / "workspace", said
    run(folder / "workspace", "./dev down")


def test_the_tutorial_names_what_fails_without_each_of_its_parts():
    assert list(PARTS) == [without for without, _, _ in MISSING]
    assert len(PARTS) == 4 and BEGIN and COMMIT


@pytest.mark.long
def test_a_clone_of_the_orchestrator_alone_gives_seven_green_steps(opened):
    workspace, said = opened
    assert re.findall(r"^\[(\d)/7\] .* ✅", said, re.MULTILINE) == list("1234567")
    for name in (*PARTS, "devtools"):
        assert int(run(workspace / name, "git rev-list --count HEAD")) > 1
        assert run(workspace / name, "git status --porcelain") == ""


def verified(workspace: Path, change: str, without: str, status: int) -> dict[str, str]:
    """The failed steps of the tutorial's change, made without one of its parts."""
    assert BEGIN and COMMIT
    commands = [BEGIN[0], *(text for name, text in PARTS.items() if name != without), COMMIT[0]]
    for command in commands:
        run(workspace, command.replace("on-hold", change))
    verdict = json.loads(run(workspace, f"./dev change verify {change} --json", status))
    assert verdict["passed"] is (status == 0)
    return {step["name"]: step["error"] for step in verdict["steps"] if not step["passed"]}


@pytest.mark.long
def test_with_all_its_parts_the_change_verifies(opened):
    assert verified(opened[0], "whole", "", 0) == {}


@pytest.mark.long
@pytest.mark.parametrize(("without", "step", "reason"), MISSING)
def test_without_a_part_the_verdict_names_it_and_the_reason(opened, without, step, reason):
    failed = verified(opened[0], f"without-{without}", without, 1)
    assert list(failed) == [step]
    assert reason in failed[step]
