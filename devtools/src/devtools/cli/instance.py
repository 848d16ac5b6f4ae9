"""`devtools instance …`: isolated copies of the workspace, side by side. Must not know how one is made."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from devtools import console
from devtools.cli.shapes import status_shape
from devtools.errors import WrongUse
from devtools.instances import life, refs, running
from devtools.instances.place import Instance
from devtools.session import Session
from devtools.workspace import locate

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Isolated copies of the workspace.")
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Name = Annotated[str, typer.Argument(help="A letter, then a-z, 0-9 and hyphen.")]


@app.command()
def create(
    name: Name,
    change: Annotated[str, typer.Option("--change", help="At the commits of this change set.")] = "",
    ref: Annotated[str, typer.Option("--ref", help="At this commit, in every repository.")] = "",
    data_of: Annotated[str, typer.Option("--data-of", help="With a copy of this instance's data.")] = "",
    no_up: Annotated[bool, typer.Option("--no-up", help="Make it, start nothing.")] = False,
    no_validate: Annotated[bool, typer.Option("--no-validate", help="Do not run the validation.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make an instance, or end what was begun; then start and validate it."""
    home = locate()
    began = time.monotonic()
    if change and ref:
        raise WrongUse("--change and --ref name two beginnings", hint="give one of them")
    chosen = refs.of_change(home, change) if change else refs.everywhere(home, ref) if ref else {}
    cloning = life.Cloning(console.say)
    fill = life.copying(home, data_of) if data_of else cloning
    instance = life.create(home, name, chosen, say=console.say, fill=fill)
    status: dict[str, Any] = {}
    verdict = None
    if not no_up:
        aloud, filled = not as_json, cloning.filled
        if no_validate:
            status = running.up(instance, aloud=aloud, filled=filled)
        else:
            status, verdict = running.proven(instance, aloud=aloud, filled=filled)
        status = status_shape(status)
    seconds = time.monotonic() - began
    if as_json:
        found = {**life.row(instance), "seconds": round(seconds, 2), "status": status, "validation": verdict}
        console.out_json(found)
    else:
        _tell(instance, verdict)
        console.say(f"instance {instance.name} in {seconds:.1f} s", "bold")
    return 0 if verdict is None or verdict["passed"] else 1


def _tell(instance: Instance, verdict: dict[str, Any] | None) -> None:
    row = life.row(instance)
    console.out(f"tree  {instance.tree}")
    for port, number in row["ports"].items():
        console.out(f"{port}  {number}")
    if row["database"]:
        console.out(f"database  {row['database']}")
    if verdict is None:
        return
    steps: list[dict[str, Any]] = verdict["steps"]
    console.out(f"validation  {sum(step['passed'] for step in steps)} of {len(steps)} steps passed")
    for step in steps:
        if not step["passed"] and step.get("error"):
            console.error(
                f"{step['name']}: {step['error']}", f"instance exec {instance.name} -- devtools logs"
            )


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every instance, its ports, its database, and whether it runs."""
    rows = life.listing(locate())
    if as_json:
        console.out_json(rows)
        return
    cells = [
        [row["name"], row["state"], "yes" if row["running"] else "no", str(row["first_port"]), row["tree"]]
        for row in rows
    ]
    console.table(["INSTANCE", "STATE", "RUNS", "PORTS FROM", "TREE"], cells)


@app.command("open")
def open_(name: Name, as_json: AsJson = False) -> None:
    """Print where an instance is: its tree, its URLs, its database."""
    instance = life.there(locate(), name)
    status: dict[str, Any] = status_shape(Session(instance.workspace()).status() or {})
    if as_json:
        console.out_json({**life.row(instance), "status": status})
        return
    console.out(f"tree  {instance.tree}")
    urls: dict[str, str] = status.get("urls") or {}
    for service, url in urls.items():
        console.out(f"{service}  {url}")
    if database := status.get("database_url"):
        console.out(f"database  {console.address(database)}")


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def exec_(name: Name, words: Annotated[list[str], typer.Argument(metavar="-- COMMAND...")]) -> int:
    """Run a command in an instance's tree and environment."""
    command = words[1:] if words[:1] == ["--"] else words
    return running.execute(life.there(locate(), name), command)


@app.command()
def remove(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Also where uncommitted work is lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop and remove an instance, and prove that nothing of it is left."""
    result = life.remove(locate(), name, force=force)
    if as_json:
        console.out_json(result)
        return
    console.say(f"instance {name}: gone are its {', '.join(result['gone'])}")
    for branch in result["branches_kept"]:
        console.say(f"kept, since its commits are nowhere else: {branch}")


@app.command()
def snapshot(
    name: Name,
    to: Annotated[
        Path | None, typer.Option("--to", help="The file; default: NAME.snapshot.tar.gz here.")
    ] = None,
    no_database: Annotated[bool, typer.Option("--no-database", help="Leave the data out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write an instance into one file: commits, uncommitted work, database, settings without secrets."""
    from devtools.instances import snapshot as snapshots

    target = (to or Path(f"{name}.snapshot.tar.gz")).absolute()
    manifest = snapshots.take(locate(), name, target, with_database=not no_database)
    if as_json:
        console.out_json({"file": str(target), **manifest})
        return
    console.out(str(target))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `snapshot` wrote.")],
    name: Annotated[str, typer.Option("--name", help="Under another name.")] = "",
    no_up: Annotated[bool, typer.Option("--no-up", help="Make it, start nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the instance of a snapshot, here or on another machine, and start it."""
    from devtools.instances import snapshot as snapshots

    instance, missing = snapshots.restore(locate(), file.absolute(), name, say=console.say)
    if not no_up:
        running.up(instance, aloud=not as_json)
    if as_json:
        console.out_json({**life.row(instance), "settings_missing": missing})
    else:
        _tell(instance, None)
        if missing:
            console.say(f"were secret, set them in {instance.tree / '.env'}: {', '.join(missing)}")
