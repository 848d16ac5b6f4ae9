"""The quick door reads plain lines, leaves all others to typer, and names only what exists."""

from __future__ import annotations

import importlib
import inspect

import pytest

from devtools.cli import quick
from devtools.verbs import COMMANDS


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("up", {}),
        ("up --no-validate --only a,b --json", {"no_validate": True, "only": "a,b", "as_json": True}),
        ("await a b --timeout 5s", {"names": ["a", "b"], "timeout": "5s"}),
        ("logs -f api", {"follow": True, "sources": ["api"]}),
    ],
)
def test_plain_lines_are_read(line, values):
    found = quick.read(line.split())
    assert found is not None
    assert found[1] == values


@pytest.mark.parametrize(
    "line",
    ["up --help", "up --onyl a", "up now", "up --only", "await", "await --timeout 5s", "logs -n 5", "why a"],
)
def test_unusual_lines_are_left_to_typer(line):
    assert quick.read(line.split()) is None


@pytest.mark.parametrize("line", list(quick.QUICK))
def test_every_name_in_the_table_is_a_parameter_of_its_command(line):
    entry = quick.QUICK[line]
    module, _, attribute = entry.target.partition(":")
    parameters = inspect.signature(getattr(importlib.import_module(module), attribute)).parameters
    assert {*entry.flags.values(), *entry.options.values(), *filter(None, [entry.words])} <= set(parameters)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_in_the_table_exists(name):
    module, _, attribute = COMMANDS[name].target.partition(":")
    assert hasattr(importlib.import_module(module), attribute)
