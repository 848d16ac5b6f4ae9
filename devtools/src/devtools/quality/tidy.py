"""The rules of style that no linter knows: sizes, names, floats near money, excepts, undeclared imports.

Must not fix anything, and must not import the code it reads.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LONGEST_FUNCTION = 70
LONGEST_MODULE = 400
BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?)(_|$)", re.IGNORECASE)
BANNED_CLASSES = re.compile(r"(Utils?|Helpers?|Common|Manager)$")
# Everything below the doors where an amount may pass; metrics and timings live elsewhere.
MONEY_ROOMS = (
    "payments_schema/money.py",
    "payments_schema/ledger/",
    "payments_schema/payments/",
    "payments_schema/reconciliation/",
    "payments_schema/wire/",
    "payments_schema/cards/",
    "payments_schema/wallets/",
    "payments_schema/invoices/",
    "payments_api/payments/",
    "payments_api/accounts/",
    "payments_api/ledger/",
    "recon_worker/reconciliation/",
)


def problems(root: Path, packages: list[Path]) -> list[str]:
    """One line per broken rule, as `file:line: what`, for these packages' sources and the benchmarks."""
    found: list[str] = []
    for package in packages:
        for file in sorted((package / "src").rglob("*.py")):
            found += [f"{file.relative_to(root)}:{line}: {what}" for line, what in _module(file)]
        found += [f"{package.name}: {what}" for what in undeclared(package)]
    for file in sorted((root / "benchmarks").glob("*.py")):
        found += [f"{file.relative_to(root)}:{line}: {what}" for line, what in _module(file)]
    return found


def _module(file: Path) -> Iterator[tuple[int, str]]:
    text = file.read_text()
    lines = text.splitlines()
    tree = ast.parse(text, str(file))
    if len(lines) > LONGEST_MODULE:
        yield 1, f"{len(lines)} lines; a module has at most {LONGEST_MODULE}"
    if ast.get_docstring(tree) is None:
        yield 1, "a module begins with a docstring: its purpose, and what it must not do"
    if BANNED_NAMES.search(file.stem):
        yield 1, f"{file.stem} says nothing of what is in it"
    in_money_room = any(room in file.as_posix() for room in MONEY_ROOMS)
    for node in ast.walk(tree):
        yield from _node(node, lines, in_money_room=in_money_room)


def _node(node: ast.AST, lines: list[str], *, in_money_room: bool) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > LONGEST_FUNCTION:
            yield node.lineno, f"{node.name} has {length} lines; a function has at most {LONGEST_FUNCTION}"
    elif isinstance(node, ast.ClassDef) and BANNED_CLASSES.search(node.name):
        yield node.lineno, f"{node.name} says nothing of what it does"
    elif isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _has_reason(node, lines):
        yield node.lineno, "catches everything without a comment that says why it must"
    elif in_money_room and isinstance(node, ast.Call) and _is_named(node.func, "float"):
        yield node.lineno, "float( where amounts pass: money is integer minor units"


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _catches_all(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"} for name in caught)


def _has_reason(node: ast.ExceptHandler, lines: list[str]) -> bool:
    """A comment on the line, on the one above it, or on the first of the handler; or it raises again."""
    if any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node)):
        return True
    near = (lines[index] for index in range(node.lineno - 2, node.lineno + 1) if 0 <= index < len(lines))
    return any("#" in line and not re.search(r"#\s*noqa[^(]*$", line) for line in near)


def undeclared(package: Path) -> list[str]:
    """What a package imports that neither its pyproject nor what that asks for brings: alone it fails."""
    document = tomllib.loads((package / "pyproject.toml").read_text())
    project = document["project"]
    asked = [*project.get("dependencies", [])]
    asked += [line for extra in project.get("optional-dependencies", {}).values() for line in extra]
    brought: set[str] = {canonicalize_name(project["name"])}
    for line in asked:
        _bring(Requirement(line), brought, set())
    owners = packages_distributions()
    missing: set[str] = set()
    for file in (package / "src").rglob("*.py"):
        for name in _imported(ast.parse(file.read_text(), str(file))):
            if name in sys.stdlib_module_names or name not in owners:
                continue
            if brought.isdisjoint(canonicalize_name(owner) for owner in owners[name]):
                missing.add(
                    f"{file.relative_to(package)} imports {name}, which its pyproject does not ask for"
                )
    return sorted(missing)


def _bring(asked: Requirement, brought: set[str], seen: set[str]) -> None:
    """Add what installing this requirement brings, extras and all."""
    if str(asked) in seen:
        return
    seen.add(str(asked))
    brought.add(canonicalize_name(asked.name))
    try:
        lines = requires(asked.name) or []
    except PackageNotFoundError:
        return
    for line in lines:
        inner = Requirement(line)
        extras = [*asked.extras, ""]
        if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
            _bring(inner, brought, seen)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]
