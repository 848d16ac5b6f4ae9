"""`devtools repos …`: the repositories of the workspace. Must not touch one that is already there."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from devtools import console, environment
from devtools.errors import WrongUse
from devtools.manifest import load
from devtools.manifest.model import Repository
from devtools.repositories import checkouts, lockfile, looks, moves
from devtools.workspace import Workspace, locate

AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Only = Annotated[list[str] | None, typer.Option("--repo", metavar="ID", help="Only this one; repeatable.")]
Group = Annotated[str, typer.Option("--group", help="Only the repositories of this group.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The repositories of the workspace.")


@app.command("list")
def list_(
    output: Annotated[str, typer.Option("-o", "--output", help="json or yaml")] = "",
) -> None:
    """Every repository that workspace.yaml names, and whether it is here."""
    from devtools.repositories.clone import missing

    workspace, repositories = _repositories()
    absent = {item.id for item in missing(workspace.root, repositories)}
    rows = [
        {
            "id": item.id,
            "path": item.path,
            "ref": item.ref,
            "group": item.group,
            "here": item.id not in absent,
        }
        for item in repositories.values()
    ]
    if output in ("json", "yaml"):
        (console.out_json if output == "json" else console.out_yaml)(rows)
        return
    if output not in ("", "table"):
        raise WrongUse(f"--output: `{output}` is not known", hint="json or yaml")
    columns = ["REPOSITORY", "PATH", "REF", "GROUP", "HERE"]
    cells = [
        [str(row["id"]), str(row["path"]), str(row["ref"] or "-"), str(row["group"] or "-")] for row in rows
    ]
    marks = ["yes" if row["here"] else "missing" for row in rows]
    console.table(columns, [[*cell, mark] for cell, mark in zip(cells, marks, strict=True)])


@app.command()
def clone(
    lean: Annotated[bool, typer.Option("--lean", help="Leave files' older contents on the server.")] = False,
    depth: Annotated[int, typer.Option("--depth", min=0, help="Only so many commits; 0: all.")] = 0,
) -> None:
    """Clone what is missing; `up` does so by itself. What a server cannot leave out is fetched whole."""
    from devtools.repositories.clone import clone_missing
    from devtools.repositories.fetch import LEAN

    workspace, repositories = _repositories()
    user = environment.user_environment(workspace)
    options = [*(LEAN if lean else ()), *([f"--depth={depth}", "--no-single-branch"] if depth else [])]
    cloned = clone_missing(workspace.root, repositories, user, console.say, options)
    console.say(f"cloned {', '.join(cloned)}" if cloned else "every repository is here")


@app.command()
def split(
    to: Annotated[Path, typer.Option(help="The folder that the bare repositories are made in.")],
    base_url: Annotated[
        str, typer.Option(help="Where they will be reached; default: beside the orchestrator's own remote.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The published heads as JSON.")] = False,
) -> None:
    """Publish every part with its history as a repository, and the orchestrator without them."""
    from devtools.repositories import split as splitting

    workspace, repositories = _repositories()
    heads = splitting.split(workspace.root, repositories, to.resolve(), base_url or None, console.say)
    if as_json:
        console.out_json({"to": str(to.resolve()), "heads": heads})
        return
    console.table(["REPOSITORY", "HEAD"], [[name, head] for name, head in heads.items()])
    console.say(f"git clone {to.resolve() / splitting.ORCHESTRATOR}.git, then ./dev up there")


@app.command()
def status(only: Only = None, group: Group = "", as_json: AsJson = False) -> None:
    """Branch, ahead, behind, changed files, stashes and distance from the pin, of every repository."""
    root, found, _ = _fleet(only, group)
    pins = lockfile.read(root / lockfile.NAME)
    states = checkouts.at_once(lambda item: checkouts.state(item, pins), found)
    if as_json:
        console.out_json([state.to_json() for state in states])
        return
    console.table(
        ["REPOSITORY", "BRANCH", "COMMIT", "AHEAD", "BEHIND", "CHANGED", "STASHES", "PIN"],
        [_cells(state) for state in states],
    )


def _cells(state: checkouts.State) -> list[str]:
    if not state.here:
        return [state.id, "missing", *["-"] * 6]
    branch = state.branch or "(detached)"
    ahead, behind = (str(state.ahead), str(state.behind)) if state.upstream else ("-", "-")
    if state.pin is None:
        pin = "-"
    elif state.off_pin is None:
        pin = f"{state.pin[:12]}: not here"
    else:
        pin = state.pin[:12] if state.off_pin == 0 else f"{state.pin[:12]}, {state.off_pin} off"
    return [
        state.id,
        f"{branch} ({state.under_way})" if state.under_way else branch,
        (state.head or "-")[:12],
        ahead,
        behind,
        str(state.changed),
        str(state.stashes),
        pin,
    ]


@app.command()
def sync(
    only: Only = None,
    group: Group = "",
    worktrees: Annotated[
        bool, typer.Option("--worktrees", help="Beside what is left alone: the remote's tip in a worktree.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Clone what is missing and move forward what can be; never a dirty, ahead or detached checkout."""
    from devtools.repositories.clone import clone_missing

    root, found, user = _fleet(only, group)
    absent = [item for item in found if not item.is_here]
    chosen = {item.id: _overlay()[item.id] for item in absent}
    came = clone_missing(root, chosen, user, console.say)
    rows = [moves.Moved(name, "cloned") for name in came]
    cloned = [item for item in found if item.is_here and item.id not in came]
    rows += checkouts.at_once(lambda item: moves.sync(root, item, user, aside=worktrees), cloned)
    return _tell(rows, as_json=as_json)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def foreach(
    words: Annotated[list[str], typer.Argument(metavar="-- COMMAND...")],
    only: Only = None,
    group: Group = "",
    as_json: AsJson = False,
) -> int:
    """Run a command in every repository side by side; exit 1 where one fails."""
    _, found, _ = _fleet(only, group)
    command = words[1:] if words[:1] == ["--"] else words
    rows = looks.foreach(checkouts.here(found), command)
    if as_json:
        console.out_json(rows)
    for row in [] if as_json else rows:
        ended = "" if row["status"] == 0 else f" (exit {row['status']})"
        console.say(f"── {row['id']}{ended}", "bold")
        console.out_raw(row["stdout"])
        if row["stderr"]:
            console.say(row["stderr"].rstrip("\n"))
    return 1 if any(row["status"] for row in rows) else 0


@app.command()
def grep(
    pattern: Annotated[str, typer.Argument(help="An extended regular expression.")],
    ignore_case: Annotated[bool, typer.Option("-i", "--ignore-case")] = False,
    only: Only = None,
    group: Group = "",
    as_json: AsJson = False,
) -> int:
    """Every line of a tracked file that matches, in all repositories; exit 1 where there is none."""
    _, found, _ = _fleet(only, group)
    hits = looks.grep(checkouts.here(found), pattern, ignore_case=ignore_case)
    if as_json:
        console.out_json(hits)
    for hit in [] if as_json else hits:
        console.out(f"{hit['file']}:{hit['line']}:{hit['text']}")
    return 0 if hits else 1


@app.command()
def diff(
    since: Annotated[str, typer.Argument(help="A commit, tag or branch.")] = "HEAD",
    stat: Annotated[bool, typer.Option("--stat", help="Only files and numbers of lines.")] = False,
    only: Only = None,
    group: Group = "",
    as_json: AsJson = False,
) -> None:
    """What differs from a commit (default: what is not committed), as one patch of the workspace."""
    _, found, _ = _fleet(only, group)
    entries = looks.diff(checkouts.here(found), since)
    if as_json:
        console.out_json(entries)
    for entry in [] if as_json else entries:
        if not stat:
            console.out(entry["patch"])
            continue
        for file in entry["files"]:
            console.out(f"+{file['added']} -{file['removed']}  {file['file']}")


@app.command()
def log(
    most: Annotated[int, typer.Option("-n", "--number", min=1, help="At most so many commits.")] = 20,
    since: Annotated[str, typer.Option(help="As git reads it: 2026-11-01, '2 weeks ago'.")] = "",
    only: Only = None,
    group: Group = "",
    as_json: AsJson = False,
) -> None:
    """The newest commits of all repositories in one list."""
    from datetime import UTC, datetime

    _, found, _ = _fleet(only, group)
    rows = looks.log(checkouts.here(found), most, since)
    if as_json:
        console.out_json(rows)
        return
    console.table(
        ["AT (UTC)", "REPOSITORY", "COMMIT", "AUTHOR", "SUBJECT"],
        [
            [f"{datetime.fromtimestamp(row['at'], UTC):%Y-%m-%d %H:%M}", row["id"], row["commit"][:12],
             row["author"], row["subject"]]
            for row in rows
        ],
    )  # fmt: skip


@app.command()
def branch(
    name: Annotated[str, typer.Argument(help="The branch to be on; made where it is not there.")],
    only: Only = None,
    group: Group = "",
    as_json: AsJson = False,
) -> int:
    """Go to one branch in every chosen repository."""
    _, found, _ = _fleet(only, group)
    return _tell([moves.switch(item, name) for item in checkouts.here(found)], as_json=as_json)


@app.command()
def commit(
    message: Annotated[str, typer.Option("-m", "--message")],
    everything: Annotated[
        bool, typer.Option("-a", "--all", help="Stage all there is, new files too.")
    ] = False,
    only: Only = None,
    group: Group = "",
    as_json: AsJson = False,
) -> int:
    """Commit what is staged in every chosen repository, under one message."""
    _, found, _ = _fleet(only, group)
    chosen = checkouts.build_order(checkouts.here(found))
    return _tell([moves.commit(item, message, everything=everything) for item in chosen], as_json=as_json)


@app.command()
def push(only: Only = None, group: Group = "", as_json: AsJson = False) -> int:
    """Push every chosen repository's branch in the order of building; stops at the first that fails."""
    root, found, user = _fleet(only, group)
    rows: list[moves.Moved] = []
    for item in checkouts.build_order(checkouts.here(found)):
        rows.append(moves.push(root, item, user))
        if rows[-1].is_fault:
            break
    return _tell(rows, as_json=as_json)


@app.command()
def freeze(
    to: Annotated[Path | None, typer.Option("--to", help=f"The file; default: {lockfile.NAME} here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write every repository's exact commit into a file."""
    root, found, _ = _fleet(None, "")
    lock, warnings = lockfile.freeze(checkouts.here(found))
    for warning in warnings:
        console.warn(warning)
    file = to or root / lockfile.NAME
    file.write_text(json.dumps(lock, indent=2) + "\n")
    if as_json:
        console.out_json({"file": str(file), **lock})
    else:
        console.out(str(file))


@app.command()
def restore(
    file: Annotated[Path | None, typer.Option("--from", help=f"Default: {lockfile.NAME} here.")] = None,
    as_json: AsJson = False,
) -> int:
    """Bring every repository back to the commit that `freeze` wrote; branches stay where they are."""
    from devtools.repositories.clone import clone_missing

    root, found, user = _fleet(None, "")
    place = file or root / lockfile.NAME
    commits = lockfile.read(place)
    if not commits:
        raise WrongUse(f"there is no {place}", hint="repos freeze writes it")
    known = _overlay()
    clone_missing(root, {name: known[name] for name in commits if name in known}, user, console.say)
    wanted = [item for item in found if item.id in commits and item.id != checkouts.ROOT]
    if not wanted:
        wanted = [item for item in found if item.id in commits]  # a single checkout is the root alone
    rows = checkouts.at_once(lambda item: moves.restore(root, item, commits[item.id], user), wanted)
    return _tell(rows, as_json=as_json, left_is_fault=True)


def _tell(rows: list[moves.Moved], *, as_json: bool, left_is_fault: bool = False) -> int:
    if as_json:
        console.out_json([asdict(row) for row in rows])
    else:
        console.table(
            ["REPOSITORY", "OUTCOME", "DETAIL"], [[row.id, row.outcome, row.detail] for row in rows]
        )
    for row in rows:
        if row.hint and not as_json:
            console.say(f"hint: {row.id}: {row.hint}")
    return 1 if any(row.is_fault or (left_is_fault and row.outcome == "left") for row in rows) else 0


def _fleet(only: list[str] | None, group: str) -> tuple[Path, list[checkouts.Checkout], dict[str, str]]:
    workspace, repositories = _repositories()
    user = environment.user_environment(workspace)
    return workspace.root, checkouts.of(workspace.root, repositories, only or (), group), user


def _overlay() -> dict[str, Repository]:
    return _repositories()[1]


def _repositories() -> tuple[Workspace, dict[str, Repository]]:
    workspace = locate()
    return workspace, load.of(workspace)[1].repositories
