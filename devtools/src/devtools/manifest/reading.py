"""Keeps what was read from a workspace's files, so that unchanged text is not parsed at every command.

It must never be taken for another text's, and losing it must cost nothing but time.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from devtools.manifest.source import Node

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1  # of the layout below and of what the parser makes of a text


class Key(NamedTuple):
    """Which file was read, and the whole of its text."""

    device: int
    inode: int
    modified_ns: int
    data: bytes

    def to_json(self) -> list[Any]:
        """As it stands beside the reading."""
        return [VERSION, self.device, self.inode, self.modified_ns, self.data.decode()]


def recall(path: Path, key: Key) -> Node | None:
    """What was read from exactly this text of exactly this file; None where that is not known."""
    try:
        kept: Any = json.loads(path.read_bytes())
        return _node(kept["node"]) if kept["key"] == key.to_json() else None
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


def keep(path: Path, key: Key, node: Node) -> None:
    """Note a reading, where the folder is there and may be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        if not path.parent.is_dir():
            return
        text = json.dumps({"key": key.to_json(), "node": _plain(node)}, separators=(",", ":"))
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        temporary.replace(path)
        return
    with contextlib.suppress(OSError):
        temporary.unlink()


def _plain(node: Node) -> list[Any]:
    pairs = [[_plain(key), _plain(value)] for key, value in node.pairs]
    return [node.kind, node.line, node.column, node.text, pairs, [_plain(item) for item in node.items]]


def _node(plain: list[Any]) -> Node:
    kind, line, column, text, pairs, items = plain
    return Node(
        cast("str", kind),
        line,
        column,
        text,
        [(_node(key), _node(value)) for key, value in pairs],
        [_node(item) for item in items],
    )
