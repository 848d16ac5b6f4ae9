"""The verdicts on tuples of commits that are kept: each belongs to a question, and to exactly its commits.

Must not judge. They are all that a search remembers: one that was cut off finds its answers here again.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devtools.bisect.search import Outcome
from devtools.changes import place
from devtools.statefile import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from devtools.workspace import Workspace


@dataclass(frozen=True)
class Question:
    """What is asked of every tuple: its workspace's validation (or all of it), or a command."""

    home: Workspace
    command: str = ""
    everything: bool = False

    @property
    def folder(self) -> Path:
        """Where the verdicts on this question are."""
        name = "validate-all" if self.everything else "validate"
        if self.command:
            name = f"run-{hashlib.sha256(self.command.encode()).hexdigest()[:12]}"
        return folder_of(self.home) / name

    def evidence(self, tuple_: dict[str, str]) -> Path:
        """Where the verdict and the logs of these commits are."""
        return self.folder / place.key_of(tuple_)

    def remembered(self, tuple_: dict[str, str]) -> dict[str, Any]:
        """The verdict on exactly these commits, that of a verified change too; empty where there is none."""
        found = read_json(self.evidence(tuple_) / "verdict.json")
        if found.get("tuple") == tuple_:
            return found
        if not self.command and not self.everything:
            for verdict in verified(self.home):
                if verdict["tuple"] == tuple_:
                    return verdict
        return {}

    def keep(
        self, tuple_: dict[str, str], steps: list[dict[str, Any]], logs: Mapping[str, str]
    ) -> dict[str, Any]:
        """Write the evidence, the verdict itself last; returns the verdict."""
        folder = self.evidence(tuple_)
        shutil.rmtree(folder, ignore_errors=True)  # what a killed call began
        (folder / "logs").mkdir(parents=True)
        for name, text in logs.items():
            (folder / "logs" / f"{name}.log").write_text(text)
        verdict = {
            "tuple": tuple_,
            "key": place.key_of(tuple_),
            "passed": all(step["passed"] for step in steps),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": self.command,
            "steps": steps,
        }
        write_json(folder / "verdict.json", verdict)
        return verdict

    def forget(self) -> None:
        """Drop every verdict on this question."""
        shutil.rmtree(self.folder, ignore_errors=True)


def folder_of(home: Workspace) -> Path:
    """All that searches leave is below it."""
    return home.state_dir / "bisect"


def everything(home: Workspace) -> list[dict[str, Any]]:
    """Every verdict that is kept here, of changes and of searches, the newest first."""
    files = [
        *home.state_dir.glob("changes/*/evidence/*/verdict.json"),
        *folder_of(home).glob("*/*/verdict.json"),
    ]
    found = [verdict for file in files if (verdict := read_json(file)).get("tuple")]
    return sorted(found, key=lambda verdict: str(verdict.get("at")), reverse=True)


def verified(home: Workspace) -> list[dict[str, Any]]:
    """The verdicts of changes that were verified in an instance, the newest first."""
    return [item for item in everything(home) if item.get("scope") == "full" and item.get("passed")]


def step_of(verdict: Mapping[str, Any], wanted: str) -> dict[str, Any] | None:
    """The step of this name or id, where it was judged."""
    steps: list[dict[str, Any]] = verdict["steps"]
    return next((step for step in steps if wanted in (step["name"], step.get("id"))), None)


def outcome(verdict: Mapping[str, Any], wanted: str) -> Outcome:
    """What the verdict says of this step: nothing, where an earlier one failed."""
    step = step_of(verdict, wanted)
    if verdict["passed"] or (step and step["passed"]):
        return Outcome.GOOD
    return Outcome.BAD if step else Outcome.SKIP
