"""`devtools change …`: one change over several repositories. Must not know how that is verified."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from devtools import console, environment
from devtools.cli import bisect
from devtools.errors import WrongUse
from devtools.workspace import locate

app = typer.Typer(no_args_is_help=True, add_completion=False, help="One change over several repositories.")
app.command("bisect")(bisect.command)
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Name = Annotated[str, typer.Argument(help="A letter, then a-z, 0-9 and hyphen.")]
WORKFLOWS = {"github": "github.yml", "gitlab": "gitlab.yml"}


@app.command()
def start(
    name: Name,
    only: Annotated[
        list[str] | None, typer.Option("--repo", metavar="ID", help="Only this one; repeatable.")
    ] = None,
    group: Annotated[str, typer.Option("--group", help="Only the repositories of this group.")] = "",
    as_json: AsJson = False,
) -> None:
    """Begin a change: one branch, in worktrees aside, over the chosen repositories (default: all)."""
    from devtools.changes import work

    change = work.start(locate(), name, only or (), group)
    shown = work.status(change)
    if as_json:
        console.out_json(shown)
        return
    for row in shown["repositories"]:
        console.out(f"{row['id']}  {row['tree']}")
    console.say(f"work there, then: change commit {name} -m …, change verify {name}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every change that was begun here."""
    from devtools.changes import place, work

    rows = [work.status(change) for change in place.existing(locate())]
    if as_json:
        console.out_json(rows)
        return
    cells = [[row["name"], ", ".join(item["id"] for item in row["repositories"]), _word(row)] for row in rows]
    console.table(["CHANGE", "REPOSITORIES", "VERDICT"], cells)


@app.command()
def status(name: Name, as_json: AsJson = False) -> None:
    """What the change holds in every repository, and whether these commits were verified."""
    from devtools.changes import place, work

    shown = work.status(place.begun(locate(), name))
    if as_json:
        console.out_json(shown)
        return
    cells = [
        [row["id"], row["commit"][:12], str(row["commits"]), str(row["changed"]), row["tree"] or "-"]
        for row in shown["repositories"]
    ]
    console.table(["REPOSITORY", "COMMIT", "COMMITS", "CHANGED", "TREE"], cells)
    console.say(f"{shown['key']}: {_word(shown)}")


def _word(shown: dict[str, Any]) -> str:
    return "verified" if shown["verified"] else "not verified"


@app.command()
def commit(
    name: Name,
    message: Annotated[str, typer.Option("-m", "--message")],
    as_json: AsJson = False,
) -> None:
    """Commit all there is, with a Change-Id and a Depends-On for each commit that is built on."""
    from devtools.changes import place, work

    rows = work.commit(place.begun(locate(), name), message)
    if as_json:
        console.out_json(rows)
        return
    console.table(["REPOSITORY", "COMMIT"], [[row["id"], row["commit"][:12]] for row in rows])
    if not rows:
        console.say("nothing to commit")


@app.command()
def verify(
    name: Name,
    static: Annotated[bool, typer.Option("--static", help="Only what is seen without starting.")] = False,
    ci: Annotated[bool, typer.Option("--ci", help="Take the change's branches from the remotes.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Also write the steps as JUnit.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the instance for a look.")] = False,
    as_json: AsJson = False,
) -> int:
    """Prove the change in an instance at exactly its commits; exit 1 where it does not hold together."""
    from devtools.changes import place, verdicts, work
    from devtools.changes.verify import verify as prove

    home = locate()
    change = work.adopt(home, name, environment.user_environment(home)) if ci else place.begun(home, name)
    verdict, evidence = prove(change, console.say, static_only=static, keep_instance=keep)
    if junit:
        junit.write_text(verdicts.junit(name, verdict))
    if as_json:
        console.out_json({**verdict, "evidence": evidence})
    else:
        console.out(f"{verdict['key']}  {'verified' if verdict['passed'] else 'refused'}")
        console.out(f"evidence  {evidence}/index.html")
    return 0 if verdict["passed"] else 1


@app.command()
def publish(
    name: Name,
    no_request: Annotated[bool, typer.Option("--no-request", help="Push only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Push the change in the order of building; pull requests through gh or glab where there is one."""
    from devtools.changes import place
    from devtools.changes.publish import publish as send

    home = locate()
    rows = send(place.begun(home, name), environment.user_environment(home), offer=not no_request)
    if as_json:
        console.out_json(rows)
        return
    console.table(
        ["REPOSITORY", "COMMIT", "PUSHED TO", "REQUEST"],
        [[row["id"], row["commit"][:12], f"{row['remote']} {row['branch']}", row["request"] or "-"]
         for row in rows],
    )  # fmt: skip


@app.command()
def land(
    name: Name,
    push: Annotated[bool, typer.Option("--push", help="Push the branches then, in order.")] = False,
    as_json: AsJson = False,
) -> None:
    """Move every repository's branch forward to the commits that were verified together."""
    from devtools.changes import place
    from devtools.changes.publish import land as forward

    home = locate()
    rows = forward(place.begun(home, name), environment.user_environment(home), console.say, push=push)
    if as_json:
        console.out_json(rows)
        return
    console.table(
        ["REPOSITORY", "BRANCH", "TO"], [[row["id"], row["branch"], row["to"][:12]] for row in rows]
    )


@app.command()
def workflow(forge: Annotated[str, typer.Argument(help="github or gitlab.")]) -> None:
    """Print the workflow file that verifies changes in CI."""
    if forge not in WORKFLOWS:
        raise WrongUse(f"{forge} is not known", hint=f"one of {', '.join(WORKFLOWS)}")
    file = resources.files("devtools.changes").joinpath("workflows", WORKFLOWS[forge])
    console.out_raw(file.read_text())
