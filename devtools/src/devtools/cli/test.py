"""`devtools test` and `devtools check`: everything that says whether the tree is good. Must not change it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from devtools import console
from devtools.errors import WrongUse
from devtools.quality import browser, checks, repositories, suite
from devtools.quality.repositories import Repository

Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="REPOSITORY", help="Only this one; repeatable.")
]


def command(
    only: Only = None,
    keyword: Annotated[str, typer.Option("-k", metavar="EXPRESSION", help="Only tests that match.")] = "",
    long: Annotated[bool, typer.Option("--long", help="The soaks and long fault runs, too.")] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Leave out linters and types.")] = False,
) -> int:
    """Every check and every test of every repository, against a real Postgres; exit 1 where one fails."""
    started = time.monotonic()
    root = _root()
    chosen = repositories.find(root, only)
    reports = root / ".devtools" / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    total = suite.Tally()
    installing = _prepare_browser(reports)
    lines: list[str] = []
    if not no_check and not keyword:
        verdicts = _check(root, chosen)
        checked = suite.Tally(
            passed=sum(verdict.passed for verdict in verdicts),
            failed=sum(not verdict.passed for verdict in verdicts),
        )
        total.add(checked)
        lines.append(f"  {'check'.ljust(18)} {checked}")
    if installing and installing.wait():
        console.warn(f"the browser could not be installed; see {reports / 'browser.log'}")
    with _database(root) as database_url:
        for repository in chosen:
            if not repository.has_tests:
                continue
            begun = time.monotonic()
            console.say(f"\n── {repository.name}", "bold")
            tally = suite.run(repository, database_url, reports, keyword=keyword, long=long)
            total.add(tally)
            lines.append(f"  {repository.name.ljust(18)} {tally}  in {time.monotonic() - begun:.0f} s")
    suite.write_durations(total, reports / "durations.txt", [repository.name for repository in chosen])
    console.out("\n" + "\n".join(lines))
    console.out(f"  in {time.monotonic() - started:.0f} s; reports are in {reports.relative_to(root)}\n")
    console.out(str(total))
    return 1 if total.failed else 0


def check(only: Only = None) -> int:
    """The fast half of test: ruff, types, import contracts, SQL and the tidy rules."""
    root = _root()
    verdicts = _check(root, repositories.find(root, only))
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _check(root: Path, chosen: Sequence[Repository]) -> list[checks.Verdict]:
    def tell(verdict: checks.Verdict) -> None:
        mark = console.styled("ok", "green") if verdict.passed else console.styled("FAILED", "red", "bold")
        text = f"{verdict.name.ljust(28)} {mark}  {verdict.seconds:.1f} s"
        if verdict.output:
            text += "\n" + "\n".join(f"  {line}" for line in verdict.output.splitlines())
        console.out(text)

    return checks.run(checks.checks(root, chosen), tell)


def _prepare_browser(reports: Path) -> subprocess.Popen[bytes] | None:
    if browser.find():
        return None
    if browser.may_install():
        console.say("no browser is installed; installing Debian's Chromium for the browser tests")
        return browser.begin_install(reports / "browser.log")
    console.say(browser.HOW_TO_GET_ONE)
    return None


@contextmanager
def _database(root: Path) -> Generator[str]:
    """The superuser's URL of a server for tests: the one that is named, else a throw-away one."""
    from devtools.postgres import run

    if named := os.environ.get("TEST_DATABASE_URL"):
        yield named
        return
    state_dir = root / ".devtools"
    address, was_started = run.start_throw_away(state_dir, run.TEST_CLUSTER)
    try:
        yield address
    finally:
        if was_started:
            run.stop_throw_away(state_dir, run.TEST_CLUSTER)


def _root() -> Path:
    """The workspace's folder, where the repositories lie."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "requirements.lock").is_file():
            return folder
    raise WrongUse("no workspace here", hint="go to the folder that has requirements.lock")
