"""YAML text as plain nodes that know their line and column, whatever the text holds.

It must not judge what the nodes mean, and must never raise on bad text: faults become problems.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ruamel.yaml import YAML

MAX_BYTES = 256 * 1024
MAX_WRITTEN = 10_000  # a hundred services are 2,000 values; the parser needs 20 µs for each
MAX_NODES = 50_000
MAX_DEPTH = 60

_KINDS = {
    "tag:yaml.org,2002:str": "string",
    "tag:yaml.org,2002:int": "integer",
    "tag:yaml.org,2002:float": "number",
    "tag:yaml.org,2002:bool": "boolean",
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:timestamp": "timestamp",
}


_TOO_MANY = (
    f"holds more than {MAX_WRITTEN:,} values; give several workspaces a file each, or let a task's command"
    " read the long list from a file of its own"
)


class _Mark(Protocol):
    """A place in a file as ruamel.yaml counts it: from 0."""

    line: int
    column: int


class _Raw(Protocol):
    """A node as ruamel.yaml composes it."""

    id: str
    tag: object
    value: Any
    start_mark: _Mark


class _Fault(Protocol):
    """What ruamel.yaml says of text that it cannot read."""

    context: str | None
    problem: str | None
    context_mark: _Mark | None
    problem_mark: _Mark | None
    position: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a file; `line` and `column` count from 1, `path` is dotted (`services.api.commands`)."""

    file: str
    line: int
    column: int
    path: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        what = f"{self.path}: {self.message}" if self.path else self.message
        return where + what + (f" ({self.suggestion})" if self.suggestion else "")


@dataclass(slots=True)
class Node:
    """A value of the file: a mapping (`pairs`), a sequence (`items`) or a scalar (`text`)."""

    kind: str
    line: int
    column: int
    text: str = ""
    pairs: list[tuple[Node, Node]] = field(default_factory=lambda: [])
    items: list[Node] = field(default_factory=lambda: [])

    def get(self, key: str) -> Node | None:
        """The value under `key`, the last one where it is written twice."""
        found = None
        for name, value in self.pairs:
            if name.text == key:
                found = value
        return found


def read(
    path: Path, shown_as: str | None = None, kept: Path | None = None
) -> tuple[Node | None, list[Problem]]:
    """The document in `path`; None with at least one problem where it cannot be read.

    kept: a folder for what was read: text that has not changed since is not parsed again.
    """
    name = shown_as or str(path)
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            data = stream.read(MAX_BYTES + 1)
    except OSError as fault:
        return None, [Problem(name, 1, 1, "", f"cannot be read: {fault.strerror or fault}")]
    if kept is None:
        return parse(data, name)
    from devtools.manifest import reading

    # The inode and its time, too: nobody can put the reading of another text into a repository.
    key = reading.Key(status.st_dev, status.st_ino, status.st_mtime_ns, data)
    if (node := reading.recall(kept / f"{path.name}.read", key)) is not None:
        return node, []
    node, problems = parse(data, name)
    if node is not None and not problems:
        reading.keep(kept / f"{path.name}.read", key, node)
    return node, problems


def parse(data: bytes, name: str) -> tuple[Node | None, list[Problem]]:
    """The document in `data`; None with at least one problem where it is no bearable YAML."""
    if len(data) > MAX_BYTES:
        return None, [Problem(name, 1, 1, "", f"is larger than {MAX_BYTES // 1024} KiB")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        return None, [Problem(name, line, 1, "", "is not UTF-8 text")]
    return _Builder(name).build(text)


class _Unbearable(Exception):
    """The document is cyclic, too deep or too large once its aliases are followed."""

    def __init__(self, mark: _Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.open: set[int] = set()
        self.problems: list[Problem] = []

    def build(self, text: str) -> tuple[Node | None, list[Problem]]:
        from ruamel.yaml import YAML
        from ruamel.yaml.composer import MaxDepthExceededError
        from ruamel.yaml.error import MarkedYAMLError, YAMLError
        from ruamel.yaml.reader import ReaderError

        try:
            documents = list(islice(_compose_all(YAML(typ="safe", pure=True), text), 2))
            if len(documents) > 1:
                self._note(documents[1].start_mark, "several documents in one file; keep one")
            if not documents:
                return None, [Problem(self.name, 1, 1, "", "the file is empty")]
            return self._node(documents[0], 0), self.problems
        except _Unbearable as fault:
            self._note(fault.mark, fault.message)
        except MaxDepthExceededError as fault:
            self._note(cast("_Fault", fault).problem_mark, "is nested too deeply")
        except MarkedYAMLError as fault:
            place = cast("_Fault", fault)
            self._note(place.problem_mark or place.context_mark, _sentence(place))
        except ReaderError as fault:
            line = text.count("\n", 0, cast("_Fault", fault).position) + 1
            self.problems.append(Problem(self.name, line, 1, "", "holds a character that YAML forbids"))
        except (YAMLError, ValueError, RecursionError, AttributeError, TypeError, IndexError) as fault:
            # The parser has its own surprises on garbage (bad escapes, deep nesting): still only a bad file.
            self.problems.append(Problem(self.name, 1, 1, "", f"is not YAML: {type(fault).__name__}"))
        return None, self.problems

    def _note(self, mark: _Mark | None, message: str) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        self.problems.append(Problem(self.name, line, column, "", message))

    def _node(self, raw: _Raw, depth: int) -> Node:
        self.count += 1
        mark = raw.start_mark
        if id(raw) in self.open:
            raise _Unbearable(mark, "an alias contains itself")
        if self.count > MAX_NODES or depth > MAX_DEPTH:
            raise _Unbearable(mark, "is too large or too deep once its aliases are followed")
        line, column = mark.line + 1, mark.column + 1
        if isinstance(raw.value, str):
            return Node(_KINDS.get(str(raw.tag), "string"), line, column, text=raw.value)
        self.open.add(id(raw))
        children: list[Any] = raw.value
        if str(raw.id) == "mapping":
            node = Node("mapping", line, column)
            for key, value in children:
                node.pairs.append((self._node(key, depth + 1), self._node(value, depth + 1)))
            _merge(node)
        else:
            node = Node("sequence", line, column, items=[self._node(item, depth + 1) for item in children])
        self.open.discard(id(raw))
        return node


def _compose_all(yaml: YAML, text: str) -> Iterator[_Raw]:
    from ruamel.yaml.composer import Composer

    count = 0

    class Bounded(Composer):
        def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 (as the parser has it)
            nonlocal count
            count += 1
            if count > MAX_WRITTEN:
                raise _Unbearable(cast("Any", self.parser).peek_event().start_mark, _TOO_MANY)
            return cast("Any", super()).compose_node(parent, index)

    yaml.Composer = Bounded
    yaml.max_depth = MAX_DEPTH + 1  # the scanner's work grows with the square of the depth
    yield from cast("Iterator[_Raw]", yaml.compose_all(text))  # pyright: ignore[reportUnknownMemberType]


def _merge(node: Node) -> None:
    """Follow `<<: *base`: the keys of the base that are not written here."""
    bases = [value for key, value in node.pairs if key.text == "<<"]
    if not bases:
        return
    node.pairs = [pair for pair in node.pairs if pair[0].text != "<<"]
    written = {key.text for key, _ in node.pairs}
    for base in bases:
        for mapping in base.items if base.kind == "sequence" else [base]:
            for key, value in mapping.pairs:
                if key.text not in written:
                    written.add(key.text)
                    node.pairs.append((key, value))


def _sentence(fault: _Fault) -> str:
    parts = [str(part).strip() for part in (fault.context, fault.problem) if part]
    return "is not YAML: " + ", ".join(parts)
