"""The tidy rules: each finds what it is for, and lets the rest pass."""

from __future__ import annotations

from devtools.quality import suite, tidy


def package(tmp_path, source, *, module="payments_schema/ledger/store.py", requires="[]"):
    folder = tmp_path / "package"
    file = folder / "src" / module
    file.parent.mkdir(parents=True)
    file.write_text(source)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "payments-schema"\ndependencies = {requires}\n'
    )
    return tidy.problems(tmp_path, [folder])


def found(tmp_path, source, **more):
    return [problem.split(": ", 1)[1] for problem in package(tmp_path, source, **more)]


def test_sound_code_passes(tmp_path):
    assert package(tmp_path, '"""A module."""\n\nimport json\n\n\ndef one():\n    return json\n') == []


def test_a_module_without_a_docstring_is_found(tmp_path):
    assert "docstring" in found(tmp_path, "x = 1\n")[0]


def test_long_functions_and_modules_are_found(tmp_path):
    body = '"""M."""\ndef long():\n' + "    x = 1\n" * 70 + "y = 1\n" * 400
    problems = found(tmp_path, body)
    assert any("long has 71 lines" in problem for problem in problems)
    assert any("a module has at most 400" in problem for problem in problems)


def test_names_that_say_nothing_are_found(tmp_path):
    problems = found(tmp_path, '"""M."""\nclass PaymentManager: ...\n', module="payments_schema/utils.py")
    assert problems == ["utils says nothing of what is in it", "PaymentManager says nothing of what it does"]


def test_a_float_is_found_near_money_only(tmp_path):
    source = '"""M."""\nx = float("1")\n'
    assert "integer minor units" in found(tmp_path / "a", source)[0]
    assert found(tmp_path / "b", source, module="payments_schema/database/pool.py") == []


def test_catching_everything_needs_a_reason(tmp_path):
    handler = '"""M."""\ntry:\n    x = 1\nexcept Exception:{}\n    pass\n'
    assert "without a comment" in found(tmp_path / "a", handler.format(""))[0]
    assert "without a comment" in found(tmp_path / "b", handler.format("  # noqa: BLE001"))[0]
    assert found(tmp_path / "c", handler.format("  # the last edge: it must go on")) == []


def test_an_import_that_is_not_asked_for_is_found(tmp_path):
    source = '"""M."""\nimport psycopg\n'
    assert "imports psycopg" in found(tmp_path / "a", source)[0]
    assert found(tmp_path / "b", source, requires='["psycopg[binary]>=3"]') == []


def test_junit_reports_are_counted(tmp_path):
    report = tmp_path / "r.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="a" name="x" time="2"/>'
        '<testcase classname="a" name="y" time="1"><failure/></testcase>'
        '<testcase classname="a" name="z"><skipped/></testcase></testsuite></testsuites>'
    )
    tally = suite.count(report)
    assert str(tally) == "1 passed, 1 failed, 1 skipped"
    assert tally.slowest[0] == (2.0, "a::x")
    assert str(suite.count(tmp_path / "none.xml")) == "0 passed, 0 failed, 0 skipped"


def test_the_tests_do_not_see_the_developers_own_system(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://production")
    monkeypatch.setenv("PGHOST", "production")
    monkeypatch.setenv("DEVTOOLS_STATE_DIR", "/elsewhere")
    seen = suite.environment("postgresql://test")
    assert "production" not in "".join(seen.values())
    assert "DEVTOOLS_STATE_DIR" not in seen
    assert seen["TEST_DATABASE_URL"] == "postgresql://test"
