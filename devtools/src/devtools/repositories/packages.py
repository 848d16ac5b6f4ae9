"""What a folder's package is called and which packages it needs, for Python, Node, Go and Rust.

It must not import or install anything, and must never fail: a file that cannot be read needs nothing.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_PYTHON_END = re.compile(r"[^\w.-]")
_GO_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_GO_BLOCK = re.compile(r"^require\s*\((.*?)^\)", re.MULTILINE | re.DOTALL)
_GO_LINE = re.compile(r"^require\s+([^\s(]\S*)", re.MULTILINE)
_NODE_KEYS = ("dependencies", "peerDependencies", "optionalDependencies")


class Package(NamedTuple):
    """Names with their language before them: `python:payments-schema`, `node:@shop/wire`."""

    names: list[str]
    needs: list[str]


def read(folder: Path) -> Package:
    """What the folder offers and needs, in each language that it has a file of."""
    found = Package([], [])
    for reader in (_python, _node, _go, _rust):
        for kind, name in reader(folder):
            (found.names if kind == "is" else found.needs).append(name)
    return found


def needs(
    folders: Mapping[str, Path], named: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[str]]:
    """By id: which of the others each one builds on, by its files and by what is `named`, in their order."""
    packages = {name: read(folder) for name, folder in folders.items()}
    # A part without a name of its own is known by its id.
    owners = {f"python:{_normal(name)}": name for name, found in packages.items() if not found.names}
    owners |= {own: name for name, found in packages.items() for own in found.names}
    return {
        name: [
            other
            for other in dict.fromkeys(
                [*(owners.get(text, name) for text in found.needs), *(named or {}).get(name, ())]
            )
            if other != name and other in folders
        ]
        for name, found in packages.items()
    }


def _python(folder: Path) -> Iterator[tuple[str, str]]:
    project = _table(_toml(folder / "pyproject.toml").get("project"))
    if isinstance(name := project.get("name"), str):
        yield "is", f"python:{_normal(name)}"
    for text in _list(project.get("dependencies")):
        yield "needs", f"python:{_normal(_PYTHON_END.split(str(text), maxsplit=1)[0])}"


def _node(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        document = _table(json.loads((folder / "package.json").read_bytes()))
    except (OSError, ValueError):
        return
    if isinstance(name := document.get("name"), str):
        yield "is", f"node:{name}"
    for key in _NODE_KEYS:
        yield from (("needs", f"node:{name}") for name in _table(document.get(key)))


def _go(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        text = (folder / "go.mod").read_text(errors="replace")
    except OSError:
        return
    yield from (("is", f"go:{name}") for name in _GO_MODULE.findall(text)[:1])
    lines = [line.split() for block in _GO_BLOCK.findall(text) for line in block.splitlines()]
    names = [words[0] for words in lines if words and not words[0].startswith("//")]
    yield from (("needs", f"go:{name}") for name in [*names, *_GO_LINE.findall(text)])


def _rust(folder: Path) -> Iterator[tuple[str, str]]:
    document = _toml(folder / "Cargo.toml")
    if isinstance(name := _table(document.get("package")).get("name"), str):
        yield "is", f"rust:{name}"
    for name, wanted in _table(document.get("dependencies")).items():
        yield "needs", f"rust:{_table(wanted).get('package', name)}"


def _toml(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError):
        return {}
    import tomllib  # only where there is such a file: every `up` comes by here

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
