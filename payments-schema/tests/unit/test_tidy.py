"""Small by force: the rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

import payments_schema

SOURCE = Path(payments_schema.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
BANNED_NAMES = {"utils", "helpers", "common", "manager"}


def names(path):
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_is_small_and_says_what_it_is_for(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert path.stem not in BANNED_NAMES
    assert ast.get_docstring(ast.parse(text)), "a module starts with a sentence about its purpose"


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 70, node.name


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_money_never_meets_a_float_and_errors_are_never_swallowed(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\bfloat\(", text)
    assert "except Exception" not in text
    assert ".commit()" not in text or path.stem in {"testing"}, "only the edge commits"


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_public_functions_have_a_docstring(path):
    module = ast.parse(path.read_text(encoding="utf-8"))
    for node in module.body:
        if isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ) and not node.name.startswith("_"):
            if path.parent.name == "versions":
                continue
            assert ast.get_docstring(node), node.name
