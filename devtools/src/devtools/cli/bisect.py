"""`devtools change bisect`: which commit in which repository broke which step. Must not know how."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from devtools import console
from devtools.errors import FAILED, OK, WrongUse
from devtools.workspace import locate


def command(
    good: Annotated[
        str,
        typer.Option(
            metavar="TUPLE",
            help="A file of `repos freeze`, a verified change, a verdict's key, or a ref."
            " Default: the newest verified commits behind the bad ones.",
        ),
    ] = "",
    bad: Annotated[str, typer.Option(metavar="TUPLE", help="The same. Default: the present commits.")] = "",
    step: Annotated[
        str, typer.Option(metavar="ID", help="What broke. Default: the first step that the bad end fails.")
    ] = "",
    run: Annotated[
        str, typer.Option(metavar="COMMAND", help="Ask this instead of validating; 0: good, 125: a skip.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Validate every scenario.")] = False,
    first_only: Annotated[
        bool, typer.Option("--first-only", help="Do not ask whether it breaks by itself.")
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Forget what earlier calls judged.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> int:
    """Find the commit that broke a step, over all repositories, in an instance for each try.

    A call that was cut off goes on where it was. Exit 0: found; 1: not to be told; 2: the ends are wrong.
    """
    from devtools.bisect import ends, trials
    from devtools.bisect.hunt import Hunt
    from devtools.bisect.kept import Question
    from devtools.cli.agree import agree
    from devtools.cli.interrupt import Interrupts
    from devtools.session import Session

    if run and everything:
        raise WrongUse("--run and --all are two questions", hint="give one of them")
    home = locate()
    agree(Session(home), "up")  # else every try would be refused, and that says nothing of its commits
    question = Question(home, run, everything)
    if not bad and (unsaved := ends.unsaved(home)):
        console.warn(f"not committed, so not searched: work in {', '.join(unsaved)}")
    with Interrupts(), trials.alone(home):
        to = ends.bad_end(home, bad)
        since = ends.good_end(home, good, to)
        if anew:
            question.forget()
        trials.clear(home, to)
        found = Hunt(question, trials.judge, console.say).find(since, to, step, alone=not first_only)
    if as_json:
        console.out_json(found)
    else:
        _tell(found)
    return OK if found["found"] else FAILED


def _tell(found: dict[str, Any]) -> None:
    head = "FIRST BAD" if found["found"] else "ONE OF"
    rows = [_cells(row) for row in found["first_bad"]]
    console.table([head, "COMMIT", "AUTHOR", "SUBJECT", "CHANGE"], rows)
    if found["together_with"]:
        console.out()
        word = "BREAKS TOGETHER WITH" if found["alone"] is False else "TOGETHER WITH ONE OF"
        rows = [_cells(row) for row in found["together_with"]]
        console.table([word, "COMMIT", "AUTHOR", "SUBJECT", "CHANGE"], rows)
    console.out()
    console.out(f"step      {found['step']}")
    console.out(f"error     {found['error']}")
    console.out(f"evidence  {found['evidence']}")
    for item in found["skipped"]:
        console.say(f"skipped {item['key']}: {item['why']}")
    console.say(f"{found['tries_in_all']} tried, {found['remembered']} remembered")


def _cells(row: dict[str, Any]) -> list[str]:
    place = f"{row['repository']} ({', '.join(row['parts'])})" if row["parts"] else row["repository"]
    subject = f"{row['subject']} (merges {row['merges']})" if row["merges"] else row["subject"]
    return [place, row["commit"][:12], row["author"], subject, " ".join(row["change_ids"]) or "-"]
