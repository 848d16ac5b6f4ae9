"""The checks of single values (mapping, string, choice, duration …) that both files are judged with.

It must not know any key of either file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from devtools.manifest.source import Node, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ID = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
PROTO_DURATION = re.compile(r"^\d+(\.\d{1,9})?s$")
DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)?$")
MAX_ERRORS = 100
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_A = {"integer": "an integer", "mapping": "a mapping", "sequence": "a list", "null": "nothing"}


def seconds(text: str) -> float | None:
    """`500ms`, `10s`, `2m`, `1h` or a bare number of seconds; None where it is no duration."""
    match = DURATION.match(text.strip())
    return float(match[1]) * _UNITS[match[2]] if match else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A suggestion for a misspelt word, from the known ones."""
    lowered = {name.lower(): name for name in known}
    import difflib  # only for who has made a mistake

    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f"did you mean `{lowered[close[0]]}`?" if close else None


class Enough(Exception):
    """So much is wrong with a file that the rest can wait; `Checker` has noted the first errors."""


class Checker:
    """Collects the errors and warnings of one file; every method returns None where the value is unusable.

    Raises Enough from `error` at the MAX_ERRORSth: to look for the nearest word costs milliseconds each time.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, node: Node, path: str, message: str, suggestion: str | None = None) -> None:
        """Note an error at `node`; raises Enough with the last one that is noted."""
        self.errors.append(Problem(self.file, node.line, node.column, path, message, suggestion))
        if len(self.errors) == MAX_ERRORS:
            raise Enough

    def warn(self, node: Node, path: str, message: str, suggestion: str | None = None) -> None:
        """Note something valid that will hurt."""
        self.warnings.append(Problem(self.file, node.line, node.column, path, message, suggestion))

    def mapping(self, node: Node, path: str, known: Sequence[str] | None = None) -> dict[str, Node] | None:
        """The mapping's values by key; unknown and repeated keys are errors (`known` None: any key)."""
        if node.kind != "mapping":
            self.expected(node, path, "a mapping")
            return None
        values: dict[str, Node] = {}
        for key, value in node.pairs:
            inner = f"{path}.{key.text}" if path else key.text
            if key.kind in ("mapping", "sequence"):
                self.error(key, path, "a key must be plain text")
            elif key.text in values:
                self.error(key, inner, f"`{key.text}` is written twice")
            elif known is not None and key.text not in known:
                hint = did_you_mean(key.text, known) or f"known here: {', '.join(known)}"
                self.error(key, inner, f"unknown key `{key.text}`", hint)
            else:
                values[key.text] = value
        return values

    def identifiers(self, node: Node | None, path: str) -> dict[str, tuple[Node, Node]]:
        """The entries of a mapping from ids to definitions, as id → (key, value)."""
        if node is None:
            return {}
        values = self.mapping(node, path)
        keys = {key.text: key for key, _ in reversed(node.pairs)}
        for name in values or {}:
            if not ID.match(name):
                hint = "ids have 1 to 128 of A-Z a-z 0-9 _ -"
                self.error(keys[name], f"{path}.{name}", f"`{name[:40]}` is not an id", hint)
        return {name: (keys[name], value) for name, value in (values or {}).items()}

    def string(self, node: Node, path: str, *, filled: bool = False) -> str | None:
        """Text; numbers and booleans are not text in this format, quotes make them so."""
        if node.kind != "string":
            hint = f'write "{node.text}"' if node.text else None
            self.expected(node, path, "text", hint)
            return None
        if filled and not node.text.strip():
            self.error(node, path, "must not be empty")
            return None
        return node.text

    def text(self, node: Node, path: str) -> str | None:
        """Any scalar as it is written: for environment values, ports and the like."""
        if node.kind in ("mapping", "sequence", "null"):
            self.expected(node, path, "text")
            return None
        return node.text

    def strings(self, node: Node, path: str) -> list[tuple[str, Node]]:
        """A list of texts with their places."""
        if node.kind != "sequence":
            hint = f"write [{node.text}]" if node.kind == "string" else None
            self.expected(node, path, "a list", hint)
            return []
        found: list[tuple[str, Node]] = []
        for index, item in enumerate(node.items):
            value = self.string(item, f"{path}[{index}]")
            if value is not None:
                found.append((value, item))
        return found

    def choice(self, node: Node, path: str, allowed: Sequence[str]) -> str | None:
        """One of `allowed`."""
        value = self.string(node, path)
        if value is None or value in allowed:
            return value
        hint = did_you_mean(value, allowed) or f"one of {', '.join(allowed)}"
        self.error(node, path, f"`{value}` is not known here", hint)
        return None

    def boolean(self, node: Node, path: str) -> bool | None:
        """true or false."""
        if node.kind != "boolean":
            self.expected(node, path, "true or false")
            return None
        return node.text.lower() == "true"

    def integer(self, node: Node, path: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        if node.kind != "integer" or not node.text.lstrip("+-").isdecimal():
            self.expected(node, path, "a whole number")
            return None
        value = int(node.text)
        if not low <= value <= high:
            self.error(node, path, f"{value} is outside {low} to {high}")
            return None
        return value

    def duration(self, node: Node, path: str) -> float | None:
        """Seconds of `500ms`, `10s`, `2m`, `1h` or a bare number."""
        text = self.text(node, path)
        value = seconds(text) if text is not None else None
        if text is not None and value is None:
            self.error(node, path, f"`{text}` is no duration", "for example 500ms, 10s or 2m")
        return value

    def expected(self, node: Node, path: str, what: str, hint: str | None = None) -> None:
        """Note that a value is of the wrong kind."""
        self.error(node, path, f"must be {what}, not {_A.get(node.kind, 'a ' + node.kind)}", hint)
