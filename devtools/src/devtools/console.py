"""The only printer: data to stdout, messages to stderr, colour only where a person looks.

It must not prompt, animate off a terminal, or decide anything.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TextIO

_STYLES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33",
    "blue": "34", "magenta": "35", "cyan": "36",
}  # fmt: skip


def wants_colour(stream: TextIO) -> bool:
    """True where `stream` is a terminal that takes colour and NO_COLOR is not set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty()


def styled(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """`text` in the given styles (names of `_STYLES`), or unchanged where `stream` takes no colour."""
    if not styles or not wants_colour(stream or sys.stdout):
        return text
    codes = ";".join(_STYLES[style] for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m"


def out(text: str = "") -> None:
    """One piece of data, with a newline, to stdout."""
    _write(sys.stdout, text + "\n")


def out_raw(text: str) -> None:
    """Data that brings its own line ends, to stdout."""
    _write(sys.stdout, text)


def out_json(value: object) -> None:
    """One JSON document to stdout."""
    out(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def out_yaml(value: object) -> None:
    """One YAML document to stdout."""
    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(value, sys.stdout)  # pyright: ignore[reportUnknownMemberType]


def say(text: str = "", *styles: str) -> None:
    """A message for the person, to stderr."""
    _write(sys.stderr, styled(text, *styles, stream=sys.stderr) + "\n")


def warn(text: str) -> None:
    """A warning, to stderr."""
    _write(sys.stderr, styled("warning:", "yellow", stream=sys.stderr) + f" {text}\n")


def error(text: str, hint: str | None = None) -> None:
    """What went wrong, and below it what may be done about it."""
    _write(sys.stderr, styled("error:", "red", "bold", stream=sys.stderr) + f" {text}\n")
    if hint:
        _write(sys.stderr, styled("hint:", "cyan", stream=sys.stderr) + f" {hint}\n")


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Aligned columns to stdout; the same text on a terminal and in a pipe, headings bold on a terminal."""
    widths = [max(len(plain(row[i])) for row in [columns, *rows]) for i in range(len(columns))]
    out(
        styled(
            "  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip(), "bold"
        )
    )
    for row in rows:
        cells = [cell + " " * (width - len(plain(cell))) for cell, width in zip(row, widths, strict=True)]
        out("  ".join(cells).rstrip())


def plain(text: str) -> str:
    """`text` without its colour codes."""
    if "\x1b" not in text:
        return text
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def address(url: str) -> str:
    """A URL as people and the logs of CI may see it: whoever needs the password asks for it by a command."""
    from urllib.parse import urlsplit

    before, at, place = urlsplit(url).netloc.rpartition("@")
    user, colon, _ = before.partition(":")
    return url.replace(f"{before}{at}{place}", f"{user}:***@{place}", 1) if colon else url


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The reader went away (`| head`): nothing more can be said, and Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
