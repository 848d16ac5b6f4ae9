"""`devtools logs`: the logs of all or some services and tasks, merged by time.

It must work without a supervisor, and never shorten a log.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Annotated

from devtools import console, logview
from devtools.cli.shapes import moment
from devtools.errors import INTERRUPTED, WrongUse
from devtools.manifest.shape import did_you_mean, seconds
from devtools.session import Session, open_session

if TYPE_CHECKING:
    import typer

DEFAULT_LINES = 200
_COLOURS = ("cyan", "green", "yellow", "magenta", "blue")


def command(
    sources: Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what is written next.")] = False,
    since: Annotated[str, typer.Option(help="Only what is younger: 30s, 5m, 2h.")] = "",
    grep: Annotated[str, typer.Option(help="Only lines that match this pattern.")] = "",
    lines: Annotated[
        int, typer.Option("-n", "--lines", help="How many lines at the end.", min=0)
    ] = DEFAULT_LINES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> int:
    """Show the last 200 lines of the logs; -f goes on."""
    session = open_session()
    return show(session, sources or [], follow=follow, since=since, grep=grep, lines=lines, as_json=as_json)


def show(
    session: Session,
    sources: list[str],
    *,
    follow: bool,
    since: str = "",
    grep: str = "",
    lines: int = DEFAULT_LINES,
    as_json: bool = False,
) -> int:
    """Print logs as `logs`, `service logs` and `task logs` do."""
    folder = session.workspace.state_dir / "logs"
    chosen = _sources(session, sources)
    try:
        pattern = re.compile(grep) if grep else None
    except re.error as fault:
        raise WrongUse(f"--grep: {fault}") from None
    age = seconds(since) if since else None
    if since and age is None:
        raise WrongUse(f"--since: `{since}` is no duration", hint="for example 30s, 5m or 2h")
    printer = _Printer(chosen, pattern, as_json)
    known = logview.ends(folder, chosen)
    # Whatever a pattern or an age leaves out must not use up the lines that were asked for.
    taken = None if pattern or age is not None else lines
    past = logview.tail(folder, chosen, taken, time.time() - age if age is not None else None)
    for line in [line for line in past if printer.wants(line)][-lines or len(past) :]:
        printer.print(line)
    if not follow:
        return 0
    try:
        for line in logview.follow(folder, chosen, known):
            if printer.wants(line):
                printer.print(line)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _sources(session: Session, wanted: list[str]) -> list[str]:
    known = [*session.services, *session.files[0].tasks]
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
            raise WrongUse(f"nothing is called `{name}`", hint=hint)
    return wanted or known


class _Printer:
    def __init__(self, sources: list[str], pattern: re.Pattern[str] | None, as_json: bool) -> None:
        self.pattern = pattern
        self.as_json = as_json
        self.width = max((len(name) for name in sources), default=0)
        self.colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(sources)}
        self.is_single = len(sources) == 1

    def wants(self, line: logview.Line) -> bool:
        """Whether the pattern lets the line pass."""
        return self.pattern is None or self.pattern.search(line.text) is not None

    def print(self, line: logview.Line) -> None:
        """One line, as text or as JSON."""
        if self.as_json:
            console.out(json.dumps({"time": moment(line.at), "source": line.source, "line": line.text}))
            return
        clock = time.strftime("%H:%M:%S", time.localtime(line.at)) + f".{int(line.at * 1000) % 1000:03d}"
        head = console.styled(clock, "dim")
        if not self.is_single:
            head += " " + console.styled(line.source.ljust(self.width), self.colours[line.source])
        console.out(f"{head}  {line.text}")
