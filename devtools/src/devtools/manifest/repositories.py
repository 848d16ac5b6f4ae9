"""Reads `repositories` of workspace.yaml: where each lies, where it comes from, and what it builds on.

It must not look at the folders: a repository may not be cloned yet.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from devtools.graph import cycle
from devtools.manifest.model import Repository
from devtools.manifest.shape import did_you_mean

if TYPE_CHECKING:
    from devtools.manifest.shape import Checker
    from devtools.manifest.source import Node

_TEXTS = ("path", "url", "ref", "group", "test")
_LISTS = ("dependsOn", "sources")


def read_repositories(node: Node | None, check: Checker) -> dict[str, Repository]:
    """The repositories by id; every reference among them is judged."""
    found: dict[str, Repository] = {}
    entries = check.identifiers(node, "repositories")
    for name, (_, value) in entries.items():
        where = f"repositories.{name}"
        values = check.mapping(value, where, (*_TEXTS, *_LISTS)) or {}
        texts = {key: check.string(values[key], f"{where}.{key}") for key in _TEXTS if key in values}
        path = texts.get("path") or name
        if path.startswith("/") or ".." in path.split("/"):
            check.error(values["path"], f"{where}.path", "must lie inside the workspace")
        if "test" in texts and not is_command_line(texts["test"] or ""):
            check.error(values["test"], f"{where}.test", "is no command line")
        needed = _builds_on(name, values.get("dependsOn"), f"{where}.dependsOn", list(entries), check)
        found[name] = Repository(
            name,
            path,
            *(texts.get(key) for key in ("url", "ref", "group", "test")),
            builds_on=needed,
            sources=tuple(one_or_more(values.get("sources"), f"{where}.sources", check)),
        )
    if loop := cycle({name: item.builds_on for name, item in found.items()}):
        place = entries[loop[0]][0]
        check.error(place, f"repositories.{loop[0]}.dependsOn", f"builds on itself: {' → '.join(loop)}")
    return found


def _builds_on(name: str, node: Node | None, path: str, known: list[str], check: Checker) -> tuple[str, ...]:
    found: list[str] = []
    for text, item in named(node, path, check):
        if text == name or text not in known:
            message = "cannot build on itself" if text == name else f"no repository is called `{text}`"
            hint = did_you_mean(text, known) or f"known: {', '.join(known)}"
            check.error(item, path, message, None if text == name else hint)
        else:
            found.append(text)
    return tuple(found)


def named(node: Node | None, path: str, check: Checker) -> list[tuple[str, Node]]:
    """One text, or a list of them, with their places."""
    if node is None:
        return []
    return [(node.text, node)] if node.kind == "string" else check.strings(node, path)


def one_or_more(node: Node | None, path: str, check: Checker) -> list[str]:
    """One text, or a list of them."""
    return [text for text, _ in named(node, path, check)]


def is_command_line(text: str) -> bool:
    """True where a shell's rules can split it into words."""
    try:
        return bool(shlex.split(text))
    except ValueError:
        return False
