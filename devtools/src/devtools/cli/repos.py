"""`devtools repos …`: the repositories of the workspace. Must not touch one that is already there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devtools import console, environment
from devtools.manifest.load import load
from devtools.manifest.model import Repository
from devtools.workspace import Workspace, locate

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The repositories of the workspace.")


@app.command("list")
def list_(
    output: Annotated[str, typer.Option("-o", "--output", help="table or json.")] = "table",
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
    if output == "json":
        console.out_json(rows)
        return
    columns = ["REPOSITORY", "PATH", "REF", "GROUP", "HERE"]
    cells = [
        [str(row["id"]), str(row["path"]), str(row["ref"] or "-"), str(row["group"] or "-")] for row in rows
    ]
    marks = ["yes" if row["here"] else "missing" for row in rows]
    console.table(columns, [[*cell, mark] for cell, mark in zip(cells, marks, strict=True)])


@app.command()
def clone() -> None:
    """Clone what is missing; `up` does so by itself."""
    from devtools.repositories.clone import clone_missing

    workspace, repositories = _repositories()
    user = environment.user_environment(workspace)
    cloned = clone_missing(workspace.root, repositories, user, console.say)
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


def _repositories() -> tuple[Workspace, dict[str, Repository]]:
    workspace = locate()
    assert workspace.file is not None
    return workspace, load(workspace.file)[1].repositories
