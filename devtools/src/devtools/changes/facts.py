"""What a Python file says by itself: the names it has and the imports it makes; kept by git's hash of it.

Must not import or execute any of the code that it reads, nor know of other files.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING, TypedDict, cast

from devtools.errors import DevtoolsError
from devtools.statefile import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devtools.repositories.checkouts import Checkout

_VERSION = f"1, {sys.implementation.cache_tag}"  # what one Python cannot parse, another may


class Facts(TypedDict):
    """Of one file. is_open: what it defines cannot be told; imports: absolute ones, as line, module, name.

    wrong: the line and the reason why it does not parse. An import of a whole module has the name "".
    """

    wrong: tuple[int, str] | None
    names: list[str]
    is_open: bool
    imports: list[tuple[int, str, str]]


class Known:
    """The facts of files by git's hash of their content: what was read once is not read again."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        found = read_json(file) if file else {}
        self._before = cast("dict[str, Facts]", found["facts"] if found.get("version") == _VERSION else {})
        self._used: dict[str, Facts] = {}

    def of(self, checkout: Checkout, sha: str) -> Iterator[tuple[str, Facts]]:
        """The path and the facts of every Python file that the commit has."""
        files = _listed(checkout, sha)
        missing = {blob for _, blob in files} - self._before.keys() - self._used.keys()
        for blob, source in _contents(checkout, sorted(missing)):
            self._used[blob] = read(source)
        for path, blob in files:
            if blob not in self._used:
                self._used[blob] = self._before[blob]
            yield path, self._used[blob]

    def keep(self) -> None:
        """Write down what was used now, and nothing older."""
        if self._file and self._used.keys() != self._before.keys():
            write_json(self._file, {"version": _VERSION, "facts": self._used})


def _listed(checkout: Checkout, sha: str) -> list[tuple[str, str]]:
    """The path and the hash of every Python file; links and submodules are none."""
    found: list[tuple[str, str]] = []
    for line in _git(checkout, "ls-tree", "-r", "-z", sha).split(b"\0"):
        about, _, path = line.partition(b"\t")
        if path.endswith(b".py") and about.startswith(b"100"):
            found.append((path.decode(errors="surrogateescape"), about.split()[2].decode()))
    return found


def _contents(checkout: Checkout, blobs: list[str]) -> Iterator[tuple[str, bytes]]:
    said = _git(checkout, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode())
    start = 0
    for blob in blobs:
        head, _, _ = said[start:].partition(b"\n")
        if not head.endswith(b" missing"):
            start += len(head) + 1
            size = int(head.split()[2])
            yield blob, said[start : start + size]
            start += size + 1
            continue
        raise DevtoolsError(
            f"{checkout.id}: a file's content is missing: {blob}", hint="repos sync brings it"
        )


def _git(checkout: Checkout, *words: str, given: bytes = b"") -> bytes:
    done = subprocess.run(["git", "-C", str(checkout.folder), *words], input=given, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise DevtoolsError(f"{checkout.id}: {said}", hint="repos sync brings commits")
    return done.stdout


def read(source: bytes) -> Facts:
    """The facts of a file with this content."""
    facts = Facts(wrong=None, names=[], is_open=False, imports=[])
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as fault:
        facts["wrong"] = (getattr(fault, "lineno", None) or 1, str(fault))
        return facts
    names: set[str] = set()
    excused: set[int] = set()  # imports that the file itself can do without
    for node in ast.walk(tree):  # from the outside to the inside
        if isinstance(node, ast.Try) and any("ImportError" in ast.dump(item) for item in node.handlers):
            excused |= {id(inner) for part in node.body for inner in ast.walk(part)}
        facts["is_open"] |= _define(node, names)
        if id(node) not in excused:
            facts["imports"] += _imported(node)
    facts["names"] = sorted(names)
    return facts


def _define(node: ast.AST, names: set[str]) -> bool:
    """Note the names that this node gives to its module; True where nobody can tell all of them."""
    match node:
        case ast.FunctionDef(name="__getattr__"):
            return True
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            names.add(name)
        case ast.Name(id=name, ctx=ast.Store()):
            names.add(name)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            names.update((alias.asname or alias.name).split(".")[0] for alias in aliases)
            return any(alias.name == "*" for alias in aliases)
        case _:
            if type(node).__name__ == "TypeAlias":  # Python 3.12's `type X = …`
                names.add(node.name.id)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    return False


def _imported(node: ast.AST) -> list[tuple[int, str, str]]:
    if isinstance(node, ast.Import):
        return [(node.lineno, alias.name, "") for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [(node.lineno, node.module, alias.name) for alias in node.names]
    return []
