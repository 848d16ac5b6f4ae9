"""Which paths a `watch` pattern means."""

from __future__ import annotations

import pytest

from devtools.supervisor.patterns import base_of, is_noise, matcher


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("src", "src/a/b.py", True),
        ("src/", "src/a", True),
        ("src", "srcs/a", False),
        ("./src", "src/a", True),
        (".", "anything/at/all", True),
        ("src/main.py", "src/main.py", True),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/deep/a.py", False),
        ("src/**/*.py", "src/a.py", True),
        ("src/**/*.py", "src/x/y/a.py", True),
        ("src/**/*.py", "src/x/y/a.txt", False),
        ("**/*.sql", "a.sql", True),
        ("src/[ab].py", "src/b.py", True),
        ("src/[!ab].py", "src/b.py", False),
        ("a+b/c.py", "a+b/c.py", True),
    ],
)
def test_a_pattern_means(pattern, path, expected):
    assert (matcher((pattern,)).fullmatch(path) is not None) is expected


def test_no_pattern_means_nothing():
    assert matcher(()).fullmatch("a") is None


def test_the_base_is_what_comes_before_the_first_wildcard():
    assert [base_of(text) for text in ("src", "src/**/*.py", "*.py", "a/b?/c", "a/b.py")] == [
        "src", "src", "", "a", "a/b.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path", [".git/index", "a/__pycache__/b.py", "a/b.pyc", "a/.b.swp", "a/b~", ".devtools/x"]
)
def test_noise_is_noise(path):
    assert is_noise(path)
    assert not is_noise("src/main.py")
