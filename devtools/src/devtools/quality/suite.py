"""Runs the tests of each repository against a real Postgres and counts what they said.

Must not let a test see the developer's own database, workspace or settings.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from devtools.quality.repositories import Repository

WORKERS = "3"  # two cores: tests wait for processes, databases and browsers half of the time
NO_TESTS_COLLECTED = 5
# What a developer may have set for their own system; a test that sees it could write there.
FOREIGN = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "BROKER_URL", "AUTH_MODE", "HOST", "PORT", "LOG_LEVEL")
FOREIGN_PREFIXES = ("PG", "DEVTOOLS_", "PAYMENTS_", "JWT_", "UI_", "WORKER_", "RECON_", "QUEUE_")


@dataclass
class Tally:
    """How many passed, failed and were skipped; `slowest` holds (seconds, test)."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    slowest: list[tuple[float, str]] = field(default_factory=lambda: [])

    def add(self, other: Tally) -> None:
        """Count another run in."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.slowest = sorted([*self.slowest, *other.slowest], reverse=True)[:20]

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def environment(database_url: str) -> dict[str, str]:
    """What the tests may see."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in FOREIGN and not name.startswith(FOREIGN_PREFIXES)
    }
    return {
        **kept,
        "TEST_DATABASE_URL": database_url,
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
    }


def run(
    repository: Repository, database_url: str, reports: Path, *, keyword: str = "", long: bool = False
) -> Tally:
    """One repository's tests, their output straight to the terminal."""
    report = reports / f"{repository.name}.xml"
    report.unlink(missing_ok=True)
    # An idle worker takes over half of what the other has left: slow tests stand together in their folders.
    command = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist=worksteal", "-q"]
    command += [f"--junitxml={report}"]
    command += ["-m", "" if long else "not long"]
    if not long and find_spec("hypothesis"):
        # The same examples every time, however slow the machine; the long run draws new ones.
        command += ["--hypothesis-profile=ci"]
    command += ["-k", keyword] if keyword else []
    # A runner in the background hands SIGINT down ignored; tests that interrupt need it as a terminal has it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done = subprocess.run(
        command, cwd=repository.folder, stdin=subprocess.DEVNULL, env=environment(database_url)
    )
    tally = count(report)
    if done.returncode not in (0, NO_TESTS_COLLECTED) and tally.failed == 0:
        tally.failed = 1  # it broke before or beside the tests: that must not look green
    return tally


def count(report: Path) -> Tally:
    """What a JUnit report says; all zero where there is none."""
    tally = Tally()
    if not report.exists():
        return tally
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  (pytest wrote it a moment ago)
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            tally.failed += 1
        elif "skipped" in kinds:
            tally.skipped += 1
        else:
            tally.passed += 1
        tally.slowest.append((float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}"))
    tally.slowest = sorted(tally.slowest, reverse=True)[:20]
    return tally


def write_durations(tally: Tally, file: Path, names: Sequence[str]) -> None:
    """The slowest tests of a run, slowest first."""
    lines = [f"{seconds:8.2f} s  {name}" for seconds, name in tally.slowest]
    file.write_text("\n".join([f"slowest tests of {', '.join(names)}", *lines]) + "\n")
