"""The fast half of the tests: linters, types, import contracts, SQL and the tidy rules. Changes no file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devtools.quality import tidy
from devtools.quality.repositories import Repository

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Check:
    """One check; `run` returns what is wrong, or nothing."""

    name: str
    run: Callable[[], str]


@dataclass(frozen=True)
class Verdict:
    """What one check said."""

    name: str
    seconds: float
    output: str

    @property
    def passed(self) -> bool:
        """True where there was nothing to say."""
        return not self.output


def checks(root: Path, repositories: Sequence[Repository]) -> list[Check]:
    """The checks for these repositories, the slow ones first."""
    folders = [str(repository.folder) for repository in repositories]
    found = [Check(f"types of {repository.name}", _types(repository)) for repository in repositories]
    extra = [str(root / "benchmarks")] if (root / "benchmarks").is_dir() else []
    found += [
        Check(
            "ruff check",
            _command(
                root, "ruff", "check", "--quiet", "--output-format=concise", "--no-cache", *folders, *extra
            ),
        ),
        Check(
            "ruff format",
            _command(root, "ruff", "format", "--check", "--quiet", "--no-cache", *folders, *extra),
        ),
    ]
    if (root / "importlinter.toml").is_file():
        found.append(Check("imports go down only", _imports(root)))
    sql = [folder for folder in folders if any(Path(folder, "src").rglob("*.sql"))]
    if sql:
        found.append(
            Check(
                "SQL",
                _command(
                    root, "sqlfluff", "lint", "--processes", "1", "--disable-progress-bar", "--nocolor", *sql
                ),
            )
        )
    found.append(Check("tidy", _tidy(root, repositories)))
    return found


def run(chosen: Sequence[Check], tell: Callable[[Verdict], None]) -> list[Verdict]:
    """Two at a time; `tell` hears of each as it ends."""

    def one(check: Check) -> Verdict:
        started = time.monotonic()
        verdict = Verdict(check.name, 0, check.run().strip())
        verdict = Verdict(check.name, time.monotonic() - started, verdict.output)
        tell(verdict)
        return verdict

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(one, chosen))


def _command(folder: Path, program: str, *arguments: str) -> Callable[[], str]:
    def ask() -> str:
        done = subprocess.run(
            [str(BIN / program), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )
        return "" if done.returncode == 0 else (done.stdout + done.stderr) or f"exit status {done.returncode}"

    return ask


def _types(repository: Repository) -> Callable[[], str]:
    return _command(repository.folder, "basedpyright", "--pythonpath", sys.executable)


def _imports(root: Path) -> Callable[[], str]:
    return _command(root, "lint-imports", "--config", "importlinter.toml", "--no-cache")


def _tidy(root: Path, repositories: Sequence[Repository]) -> Callable[[], str]:
    return lambda: "\n".join(tidy.problems(root, [repository.folder for repository in repositories]))
