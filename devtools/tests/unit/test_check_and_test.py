"""How the runs of checks and tests are put together. Runs no linter and no test suite."""

from __future__ import annotations

import pytest

from devtools.errors import WrongUse
from devtools.quality import browser, checks, repositories


@pytest.fixture
def workspace(tmp_path):
    for name in ("recon-worker", "payments-schema", "devtools"):
        folder = tmp_path / name
        (folder / "tests").mkdir(parents=True)
        (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    (tmp_path / "devtools" / "tests" / "test_one.py").write_text("")
    return tmp_path


def test_what_others_build_on_is_tested_first(workspace):
    found = repositories.find(workspace)
    assert [repository.name for repository in found] == ["payments-schema", "devtools", "recon-worker"]
    assert [repository.has_tests for repository in found] == [False, True, False]


def test_an_unknown_repository_is_wrong_use(workspace):
    assert [item.name for item in repositories.find(workspace, ["devtools"])] == ["devtools"]
    with pytest.raises(WrongUse, match="no repository is called devtool"):
        repositories.find(workspace, ["devtool"])


def test_every_check_runs_and_the_failed_one_keeps_its_words():
    told: list[str] = []
    verdicts = checks.run(
        [checks.Check("good", lambda: ""), checks.Check("bad", lambda: "line 1: wrong\n")],
        lambda verdict: told.append(verdict.name),
    )
    assert [verdict.passed for verdict in verdicts] == [True, False]
    assert verdicts[1].output == "line 1: wrong"
    assert sorted(told) == ["bad", "good"]


def test_types_imports_and_linters_are_checked_for_every_repository(workspace):
    (workspace / "importlinter.toml").write_text("")
    names = [check.name for check in checks.checks(workspace, repositories.find(workspace))]
    assert names[:3] == ["types of payments-schema", "types of devtools", "types of recon-worker"]
    assert {"ruff check", "ruff format", "imports go down only", "tidy"} <= set(names)


def test_a_browser_is_installed_by_ci_only(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert not browser.may_install()
