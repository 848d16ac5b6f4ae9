"""What in one repository breaks which other, read from the commits themselves: nothing is run or checked out.

Must not import or execute any of the code that it judges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devtools.changes.facts import Facts, Known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from devtools.repositories.checkouts import Checkout


@dataclass
class _Module:
    """A Python module of the tuple: who has it, what it defines; `is_open` where that cannot be told."""

    owner: str
    names: frozenset[str] = field(default_factory=frozenset[str])
    is_open: bool = False


def problems(found: list[tuple[Checkout, str]], kept: Path | None = None) -> list[str]:
    """Files that do not parse, and imports of a module or name that its repository does not have.

    kept: where what was read of files stays for the next time.
    """
    told: list[str] = []
    parsed: list[tuple[str, str, Facts]] = []
    known = Known(kept)
    for checkout, sha in found:
        prefix = "" if checkout.path == "." else f"{checkout.path}/"
        for path, facts in known.of(checkout, sha):
            if facts["wrong"]:
                line, reason = facts["wrong"]
                told.append(f"{prefix}{path}:{line}: {checkout.id} does not parse: {reason}")
            else:
                parsed.append((checkout.id, prefix + path, facts))
    known.keep()
    modules = {
        name: _Module(owner, frozenset(facts["names"]), facts["is_open"])
        for owner, path, facts in parsed
        if (name := _name(path))
    }
    for name in list(modules):  # a folder without __init__.py is a package as well
        parents = name.split(".")[:-1]
        for depth in range(1, len(parents) + 1):
            modules.setdefault(".".join(parents[:depth]), _Module(modules[name].owner, is_open=True))
    packages = {name.partition(".")[0] for name in modules}
    shas = {checkout.id: sha for checkout, sha in found}
    for owner, path, facts in parsed:
        for line, wanted in _unmet(facts, modules, packages):
            provider = _provider(wanted, modules)
            told.append(
                f"{path}:{line}: {owner} imports {wanted}, "
                f"which {provider} does not have at {shas[provider][:12]}"
            )
    return told


def _name(path: str) -> str | None:
    """The module that a file below a `src` folder is."""
    before, found, after = f"/{path}".rpartition("/src/")
    if not found or "/tests/" in before:
        return None
    return after.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _unmet(facts: Facts, modules: Mapping[str, _Module], packages: set[str]) -> Iterator[tuple[int, str]]:
    """Absolute imports below a package of the tuple that nothing there meets."""
    lost: set[tuple[int, str]] = set()
    for line, wanted, name in facts["imports"]:
        if wanted.partition(".")[0] not in packages:
            continue
        if wanted not in modules:
            if (line, wanted) not in lost:  # once for each statement, however many names it asks for
                lost.add((line, wanted))
                yield line, wanted
            continue
        module = modules[wanted]
        is_met = not name or name in module.names or f"{wanted}.{name}" in modules
        if not (is_met or module.is_open or name == "*" or name.startswith("__")):
            yield line, f"{wanted}.{name}"


def _provider(wanted: str, modules: Mapping[str, _Module]) -> str:
    """Whose package this name is of."""
    package = wanted.partition(".")[0]
    return next(item.owner for name, item in modules.items() if name.partition(".")[0] == package)
