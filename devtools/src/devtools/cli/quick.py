"""The quick door: plain command lines of frequent commands are read here, without the 0.3 s that typer needs.

It must understand too little rather than too much: whatever is unusual (a misspelt option, --help, a value
that is no text) goes to typer, which judges and explains.
"""

from __future__ import annotations

from typing import NamedTuple


class Quick(NamedTuple):
    """What a command line may hold here: flags, options with a text, and other words (`words`)."""

    target: str
    flags: dict[str, str] = {}  # noqa: RUF012 (never changed)
    options: dict[str, str] = {}  # noqa: RUF012 (never changed)
    words: str = ""
    needs_words: bool = False


QUICK: dict[tuple[str, ...], Quick] = {
    ("up",): Quick(
        "devtools.cli.up:command",
        {
            "--no-validate": "no_validate",
            "--foreground": "foreground",
            "--json": "as_json",
            "--trust": "trust",
            "--dry-run": "dry_run",
            "--watch": "watch",
        },
        {"--only": "only"},
    ),
    ("down",): Quick("devtools.cli.down:command", {"--quiet": "quiet", "-q": "quiet"}),
    ("status",): Quick(
        "devtools.cli.status:command", {"--json": "as_json"}, {"--output": "output", "-o": "output"}
    ),
    ("await",): Quick("devtools.cli.await_:command", {}, {"--timeout": "timeout"}, "names", needs_words=True),
    ("restart",): Quick("devtools.cli.restart:command", {"--trust": "trust"}, {}, "names"),
    ("logs",): Quick(
        "devtools.cli.logs:command",
        {"-f": "follow", "--follow": "follow", "--json": "as_json"},
        {"--since": "since", "--grep": "grep"},
        "sources",
    ),
    ("postgres", "run"): Quick("devtools.cli.postgres:run"),
    ("postgres", "ready"): Quick("devtools.cli.postgres:ready"),
    ("postgres", "stop"): Quick("devtools.cli.postgres:stop"),
}


def read(arguments: list[str]) -> tuple[str, dict[str, object]] | None:
    """The target and its arguments, or None where typer is to read the line."""
    for size in (2, 1):
        quick = QUICK.get(tuple(arguments[:size]))
        if quick is not None:
            values = _values(quick, arguments[size:])
            return None if values is None else (quick.target, values)
    return None


def _values(quick: Quick, arguments: list[str]) -> dict[str, object] | None:
    values: dict[str, object] = {}
    words: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument in quick.flags:
            values[quick.flags[argument]] = True
        elif argument in quick.options:
            text = next(pending, None)
            if text is None:
                return None
            values[quick.options[argument]] = text
        elif argument.startswith("-") or not quick.words:
            return None
        else:
            words.append(argument)
    if words:
        values[quick.words] = words
    elif quick.needs_words:
        return None
    return values
