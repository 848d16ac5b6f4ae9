"""What in one repository breaks which other, read from the commits themselves: nothing is run or checked out.

Must not import or execute any of the code that it reads.
"""

from __future__ import annotations

import ast
import io
import subprocess
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devtools.repositories.checkouts import Checkout


@dataclass
class _Module:
    """A Python module of the tuple: who has it, what it defines; `is_open` where that cannot be told."""

    owner: str
    names: set[str] = field(default_factory=set[str])
    is_open: bool = False


def problems(found: list[tuple[Checkout, str]]) -> list[str]:
    """Files that do not parse, and imports of a module or name that its repository does not have."""
    told: list[str] = []
    parsed: list[tuple[str, str, ast.Module]] = []
    for checkout, sha in found:
        prefix = "" if checkout.path == "." else f"{checkout.path}/"
        for path, source in _files(checkout, sha):
            try:
                parsed.append((checkout.id, prefix + path, ast.parse(source)))
            except (SyntaxError, ValueError) as fault:
                line = getattr(fault, "lineno", None) or 1
                told.append(f"{prefix}{path}:{line}: {checkout.id} does not parse: {fault}")
    modules = {name: _module(owner, tree) for owner, path, tree in parsed if (name := _name(path))}
    for name in list(modules):  # a folder without __init__.py is a package as well
        parents = name.split(".")[:-1]
        for depth in range(1, len(parents) + 1):
            modules.setdefault(".".join(parents[:depth]), _Module(modules[name].owner, is_open=True))
    shas = {checkout.id: sha for checkout, sha in found}
    for owner, path, tree in parsed:
        for line, wanted in _unmet(tree, modules):
            provider = _provider(wanted, modules)
            told.append(
                f"{path}:{line}: {owner} imports {wanted}, "
                f"which {provider} does not have at {shas[provider][:12]}"
            )
    return told


def _files(checkout: Checkout, sha: str) -> Iterator[tuple[str, bytes]]:
    asked = ["git", "-C", str(checkout.folder), "archive", "--format=tar", sha]
    done = subprocess.run(asked, capture_output=True)
    if done.returncode:
        raise DevtoolsError(
            f"{checkout.id}: {done.stderr.decode(errors='replace').strip()}", hint="repos sync brings commits"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() and member.name.endswith(".py") else None
            if stream:
                yield member.name, stream.read()


def _name(path: str) -> str | None:
    """The module that a file below a `src` folder is."""
    before, found, after = f"/{path}".rpartition("/src/")
    if not found or "/tests/" in before:
        return None
    return after.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _module(owner: str, tree: ast.Module) -> _Module:
    module = _Module(owner)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name="__getattr__"):
                module.is_open = True
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                module.names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                module.names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                module.names.update((alias.asname or alias.name).split(".")[0] for alias in aliases)
                module.is_open |= any(alias.name == "*" for alias in aliases)
            case _:
                if type(node).__name__ == "TypeAlias":  # Python 3.12's `type X = …`
                    module.names.add(node.name.id)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    return module


def _unmet(tree: ast.Module, modules: Mapping[str, _Module]) -> Iterator[tuple[int, str]]:
    """Absolute imports below a package of the tuple that nothing there meets."""
    packages = {name.partition(".")[0] for name in modules}
    excused = {
        id(node)
        for attempt in ast.walk(tree)
        if isinstance(attempt, ast.Try) and any("ImportError" in ast.dump(item) for item in attempt.handlers)
        for part in attempt.body
        for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in excused:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in packages and alias.name not in modules:
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.partition(".")[0] not in packages:
                continue
            if node.module not in modules:
                yield node.lineno, node.module
                continue
            module = modules[node.module]
            for alias in node.names:
                is_met = alias.name in module.names or f"{node.module}.{alias.name}" in modules
                if not (is_met or module.is_open or alias.name == "*" or alias.name.startswith("__")):
                    yield node.lineno, f"{node.module}.{alias.name}"


def _provider(wanted: str, modules: Mapping[str, _Module]) -> str:
    """Whose package this name is of."""
    package = wanted.partition(".")[0]
    return next(item.owner for name, item in modules.items() if name.partition(".")[0] == package)
