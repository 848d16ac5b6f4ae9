"""Which files a repository's programs are made of, and when one of them has truly changed."""

from __future__ import annotations

import os

import pytest

from devtools.plan import Definition, Part, Plan
from devtools.supervisor.sources import Sources, is_program


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/shop/money.py", True),
        ("src/shop/style.css", True),
        ("src/shop/testing.py", True),
        ("src/shop/docs/pages.py", True),
        ("README.md", False),
        ("src/shop/NOTES.rst", False),
        ("LICENSE", False),
        ("LICENSES.txt", False),
        (".env", False),
        (".github/workflows/ci.yml", False),
        ("tests/unit/test_money.py", False),
        ("src/shop/tests/data.py", False),
        ("docs/conf.py", False),
        ("examples/shop.py", False),
        ("test_money.py", False),
        ("conftest.py", False),
        ("money_test.go", False),
        ("money.go", True),
        ("app.test.tsx", False),
        ("app.tsx", True),
    ],
)
def test_programs_are_made_of(path, expected):
    assert is_program(path) is expected


def a_plan(root, *, sources=(), path="api") -> Plan:
    node = Definition("api", "service", "A", "x", repositories=("api",))
    return Plan("w", str(root), {"api": node}, {}, {}, parts={"api": Part(path, tuple(sources))})


def write(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_in_a_repository_with_src_only_that_and_migrations_count(tmp_path):
    write(tmp_path, "api/src/a.py", "api/setup.py", "api/migrations/1.sql", "other/src/a.py", "api/src/x.pyc")
    sources = Sources(a_plan(tmp_path))
    assert sorted(sources.look(["api"])) == ["api/migrations/1.sql", "api/src/a.py"]
    assert [sources.part_of(path) for path in ("api/src/new.py", "api/setup.py", "other/src/a.py")] == [
        "api", None, None,
    ]  # fmt: skip


def test_in_a_repository_without_src_all_but_tests_and_prose_counts(tmp_path):
    write(
        tmp_path,
        "api/main.go",
        "api/deep/x.go",
        "api/tests/x.go",
        "api/README.md",
        "api/.git/x",
        "api/node_modules/x",
    )
    sources = Sources(a_plan(tmp_path))
    assert sorted(sources.look(["api"])) == ["api/deep/x.go", "api/main.go"]


def test_what_the_overlay_names_counts_whatever_it_is_called(tmp_path):
    write(tmp_path, "api/src/a.py", "api/docs/page.md", "api/conf/a.yaml", "api/conf/a.txt")
    sources = Sources(a_plan(tmp_path, sources=("docs", "conf/*.yaml")))
    assert sorted(sources.look(["api"])) == ["api/conf/a.yaml", "api/docs/page.md"]


def test_the_workspace_itself_may_be_the_repository(tmp_path):
    write(tmp_path, "main.py", "lib/a.py", ".devtools/x.py")
    assert sorted(Sources(a_plan(tmp_path, path=".")).look(["api"])) == ["lib/a.py", "main.py"]


def test_only_other_contents_are_a_change(tmp_path):
    write(tmp_path, "api/src/a.py", "api/src/b.py", "api/src/c.py")
    sources = Sources(a_plan(tmp_path))
    sources.look(["api"])
    assert sources.look(["api"]) == []
    (tmp_path / "api/src/a.py").unlink()
    write(tmp_path, "api/src/a.py")  # as a checkout that ends where it began
    os.utime(tmp_path / "api/src/b.py", (1, 1))
    assert sources.look(["api"]) == []
    (tmp_path / "api/src/b.py").write_text("other")
    (tmp_path / "api/src/c.py").unlink()
    write(tmp_path, "api/src/d.py")
    assert sorted(sources.look(["api"])) == ["api/src/b.py", "api/src/c.py", "api/src/d.py"]
    assert sources.look(["api"]) == []


def test_a_second_save_within_one_tick_of_the_clock_is_a_change(tmp_path):
    write(tmp_path, "api/src/a.py")
    sources = Sources(a_plan(tmp_path))
    sources.look(["api"])
    file = tmp_path / "api/src/a.py"
    before = file.stat()
    file.write_text(file.read_text()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sources.look(["api"]) == []
    assert sources.look(["api"], ["api/src/a.py"]) == ["api/src/a.py"]


def test_a_folder_that_is_moved_away_takes_its_known_files_along(tmp_path):
    write(tmp_path, "api/src/deep/a.py", "api/src/deeper.py")
    sources = Sources(a_plan(tmp_path))
    sources.look(["api"])
    (tmp_path / "api/src/deep").rename(tmp_path / "elsewhere")
    assert sources.known_below("api/src/deep") == ["api/src/deep/a.py"]
    assert sources.look(["api"]) == ["api/src/deep/a.py"]
