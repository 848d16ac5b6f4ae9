"""A workspace of four small repositories with a history, and a judge that makes no instance."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devtools.bisect import ends
from devtools.bisect.hunt import Hunt
from devtools.bisect.kept import Question
from devtools.workspace import Workspace

from ..instances.conftest import Home, within

PARTS = ("alpha", "beta", "gamma")
AUTOMATIONS = """\
tasks:
  build:
    name: Build
    command: "! grep crooked */state"
    triggeredBy: [postEnvironmentStart]
  validate:
    name: Validate
    command: "! grep broken */state"
"""
OVERLAY = "workspace: fleet\nrepositories:\n" + "".join(f"  {name}: {{path: {name}}}\n" for name in PARTS)

Rule = Callable[[dict[str, str]], dict[str, str]]


class Fleet(Home):
    """The workspace, each repository with a file `state`; every commit is a minute later than the last."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.minutes = 0
        self.states: dict[str, str] = {}  # by commit; none where it is the first one

    def make(self, *, single: bool = False) -> Fleet:
        self.root.mkdir(parents=True)
        ignored = "" if single else "".join(f"{name}/\n" for name in PARTS)
        files = {"automations.yaml": AUTOMATIONS, "workspace.yaml": OVERLAY,
                 ".gitignore": f".devtools/\n.env\n{ignored}"}  # fmt: skip
        for name, text in files.items():
            (self.root / name).write_text(text)
        for name in PARTS:
            (self.root / name).mkdir()
            (self.root / name / "state").write_text("begun\n")
        for folder in [self.root] if single else [self.root, *(self.root / name for name in PARTS)]:
            self.repository(folder)
        return self

    def commit(self, part: str, state: str, trailer: str = "") -> str:
        """One more commit, with this as the part's state; returns it."""
        self.minutes += 1
        for role in ("AUTHOR", "COMMITTER"):
            self.environment[f"GIT_{role}_DATE"] = f"{2_000_000_000 + 60 * self.minutes} +0000"
        folder = self.root / part
        (folder / "state").write_text(f"{state}\n{self.minutes}\n")
        self.git(folder, "commit", "--quiet", "-am", state, *(["--trailer", trailer] if trailer else []))
        sha = self.git(folder, "rev-parse", "HEAD")
        self.states[sha] = state
        return sha

    def freeze(self, name: str) -> str:
        """The present commits in a file, as `repos freeze` writes it."""
        folders = {".": self.root, **{part: self.root / part for part in PARTS}}
        known = {name: folder for name, folder in folders.items() if (folder / ".git").exists()}
        commits = {name: {"commit": self.git(folder, "rev-parse", "HEAD")} for name, folder in known.items()}
        file = self.root.parent / name
        file.write_text(json.dumps({"version": 1, "repositories": commits}))
        return str(file)


class Reader:
    """Judges a tuple by the states of its commits, by part: `rule` says of every step what is wrong."""

    def __init__(self, fleet: Fleet, rule: Rule) -> None:
        self.fleet, self.rule = fleet, rule
        self.tried: list[str] = []
        self.tries_left: int | None = None  # then Ctrl-C

    def __call__(
        self, question: Question, tuple_: dict[str, str], say: Callable[[str], None]
    ) -> dict[str, Any]:
        if self.tries_left is not None and len(self.tried) == self.tries_left:
            raise KeyboardInterrupt
        verdict = self.rule({name: self.fleet.states.get(sha, "begun") for name, sha in tuple_.items()})
        steps = [{"name": name, "passed": not why, "seconds": 0.0, "error": why or None}
                 for name, why in verdict.items()]  # fmt: skip
        found = question.keep(tuple_, steps, {})
        self.tried.append(found["key"])
        return found


def built_and_valid(states: dict[str, str]) -> dict[str, str]:
    """As the tasks above say it."""
    if crooked := [name for name, state in states.items() if "crooked" in state]:
        return {"start": f"{crooked} crooked"}
    broken = [name for name, state in states.items() if "broken" in state]
    return {"start": "", "validate": f"{broken} broken" if broken else ""}


@pytest.fixture(scope="session")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Fleet(tmp_path_factory.mktemp("bisect") / "fleet").make().root


@pytest.fixture
def fleet(prototype: Path, tmp_path: Path) -> Fleet:
    """Nothing of it runs."""
    return Fleet(Path(shutil.copytree(prototype, tmp_path / "fleet")))


@pytest.fixture
def here(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The fleet, for calls inside of this process."""
    return within(fleet, monkeypatch)


def hunted(
    here: Workspace, judge: Reader, good: str, bad: str = "", step: str = "", **more: bool
) -> dict[str, Any]:
    """One search between the named ends, and what it said, by `said`."""
    said: list[str] = []
    to = ends.bad_end(here, bad)
    found = Hunt(Question(here), judge, said.append).find(ends.good_end(here, good, to), to, step, **more)
    return {**found, "said": said}
