"""Which repositories of the workspace have something to check or test. Runs nothing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from devtools.errors import WrongUse


@dataclass(frozen=True)
class Repository:
    """One package of the workspace."""

    name: str
    folder: Path

    @property
    def has_tests(self) -> bool:
        """True where there is at least one test file."""
        return any((self.folder / "tests").rglob("test_*.py"))

    @property
    def import_name(self) -> str:
        """The name that its code is imported by."""
        return self.name.replace("-", "_")


def find(root: Path, only: list[str] | None = None) -> list[Repository]:
    """The repositories below `root`, those that others build on first. Raises WrongUse for a wrong name."""
    found = [
        Repository(tomllib.loads(file.read_text())["project"]["name"], file.parent)
        for file in sorted(root.glob("*/pyproject.toml"))
    ]
    found.sort(key=lambda repository: (repository.name != "payments-schema", repository.name))
    names = [repository.name for repository in found]
    for name in only or []:
        if name not in names:
            raise WrongUse(f"no repository is called {name}", hint=f"one of {', '.join(names)}")
    return [repository for repository in found if not only or repository.name in only]
