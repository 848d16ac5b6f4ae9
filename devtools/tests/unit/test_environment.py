"""The environment of services: files of variables, ports by name, the database's address."""

from __future__ import annotations

import pytest

from devtools import environment
from devtools.errors import WrongUse


def test_env_files_know_quotes_comments_and_export(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# c\n\nA=1\nexport B='x # y'\nC=\"two\\nlines\"\nD=plain # comment\nE=\n")
    assert environment.read_env_file(file, required=True) == {
        "A": "1",
        "B": "x # y",
        "C": "two\nlines",
        "D": "plain",
        "E": "",
    }


def test_a_bad_line_is_named_with_its_place(tmp_path):
    file = tmp_path / ".env"
    file.write_text("A=1\nnot a line\n")
    with pytest.raises(WrongUse, match=r"\.env:2:1: is no NAME=value line"):
        environment.read_env_file(file, required=True)


def test_a_missing_file_matters_only_where_it_is_required(tmp_path):
    assert environment.read_env_file(tmp_path / "none", required=False) == {}
    with pytest.raises(WrongUse):
        environment.read_env_file(tmp_path / "none", required=True)


def test_ports_are_put_in_by_name():
    assert environment.expand("http://h:${ports.api}/${OTHER}", {"api": 3001}) == "http://h:3001/${OTHER}"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"DATABASE_URL": "postgresql://x/y", "PGHOST": "h"}, "postgresql://x/y"),
        (
            {"PGHOST": "h", "PGUSER": "u", "PGPASSWORD": "p@ss", "PGDATABASE": "d"},
            "postgresql://u:p%40ss@h:5432/d",
        ),
        ({"PGHOST": "h"}, "postgresql://h:5432/"),
        ({}, None),
    ],
)
def test_the_database_has_one_address(variables, url):
    assert environment.database_url(variables) == url
