"""`devtools automations …`: the words of `ona automations` and `gitpod automations`.

It must keep their verbs and flags; what they call `-o` is the same here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devtools import console
from devtools.cli import service, task, trigger
from devtools.errors import WRONG_USE, WrongUse

if TYPE_CHECKING:
    from devtools.manifest.load import Verdict
    from devtools.manifest.source import Problem
    from devtools.session import Session

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
app.add_typer(service.app, name="service", help="Services.")
app.add_typer(task.app, name="task", help="Tasks.")
app.command("trigger")(trigger.command)


@app.command()
def validate(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE...]")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="json or yaml")] = "",
) -> int:
    """Judge files (default: the workspace's) as the platform would: every error with place and suggestion."""
    from devtools.manifest.load import judge

    if output not in ("", "json", "yaml"):
        raise WrongUse(f"--output: `{output}` is not known", hint="json or yaml")
    verdicts = [judge(file) for file in files or [_here()]]
    shapes = [
        {
            "file": verdict.file,
            "valid": verdict.valid,
            "errors": [_shape(problem) for problem in verdict.errors],
            "warnings": [_shape(problem) for problem in verdict.warnings],
        }
        for verdict in verdicts
    ]
    if output == "json":
        console.out_json(shapes)
    elif output == "yaml":
        console.out_yaml(shapes)
    else:
        _show(verdicts)
    return 0 if all(verdict.valid for verdict in verdicts) else WRONG_USE


def _show(verdicts: list[Verdict]) -> None:
    """Every problem with its place, then one table of all files."""
    for verdict in verdicts:
        for problem in verdict.errors:
            console.out(f"{console.styled('error', 'red')}   {problem}")
        for problem in verdict.warnings:
            console.out(f"{console.styled('warning', 'yellow')} {problem}")
    rows = [
        [
            verdict.file,
            console.styled("valid", "green") if verdict.valid else console.styled("invalid", "red"),
            str(len(verdict.errors)),
            str(len(verdict.warnings)),
            str(len(verdict.automations.services)),
            str(len(verdict.automations.tasks)),
        ]
        for verdict in verdicts
    ]
    if any(verdict.errors or verdict.warnings for verdict in verdicts):
        console.out()
    console.table(["FILE", "VERDICT", "ERRORS", "WARNINGS", "SERVICES", "TASKS"], rows)


@app.command()
def schema(
    name: Annotated[str, typer.Argument(metavar="[automations|workspace]")] = "automations",
) -> int:
    """Print the published JSON Schema of automations.yaml or of workspace.yaml."""
    from importlib.resources import files

    from devtools.manifest.shape import did_you_mean

    known = ("automations", "workspace")
    if name not in known:
        raise WrongUse(f"no schema is called `{name}`", hint=did_you_mean(name, known) or " or ".join(known))
    console.out_raw(files("devtools.manifest").joinpath(f"schemas/{name}.schema.json").read_text())
    return 0


@app.command()
def init(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="- prints it.")] = "automations.yaml",
) -> int:
    """Write a first automations.yaml from a Procfile, a compose file, package scripts, a pyproject."""
    from devtools.manifest.draft import draft

    found = draft(Path())
    if file == "-":
        console.out_raw(found.text())
        return 0
    target = Path(file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as stream:
            stream.write(found.text())
    except FileExistsError:
        hint = f"devtools automations validate {target}; `devtools init -` prints a draft"
        raise WrongUse(f"{target} exists already", hint=hint) from None
    except OSError as fault:
        raise WrongUse(f"{target}: cannot be written: {fault.strerror}") from None
    count = f"{len(found.services)} services, {len(found.tasks)} tasks"
    if found.sources:
        console.say(f"wrote {target}: {count}, from {', '.join(found.sources)}; read it, then `devtools up`")
    else:
        console.say(f"wrote {target}: nothing was found to draft it from; add services and tasks")
    return 0


@app.command()
def update(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="- reads from stdin.")] = "",
    keep: Annotated[
        bool, typer.Option("--set-default", "-s", help="Also make it the workspace's file.")
    ] = False,
    trust: service.Trust = False,
) -> int:
    """Give the supervisor the definitions of a file; what runs keeps its own until it starts anew.

    They count for every command until `down`, an update without a file, or a change of the workspace's own.
    """
    from devtools.cli.agree import agree
    from devtools.session import open_session

    session = open_session()
    text = "" if not file else sys.stdin.read() if file == "-" else _read(Path(file))
    if file:
        _judge(session, text, "<stdin>" if file == "-" else file)
    session.workspace.make_state_dir()
    session.forget_given()
    if file:
        assert session.workspace.file is not None
        (session.workspace.file if keep else session.given).write_text(text)
    agree(session, "automations update", trusted=trust)
    plan = session.plan()
    answer = session.client.post("/v1/plan", {"plan": plan.to_json()})
    number = len(plan.definitions)
    count = f"{number} definition{'' if number == 1 else 's'}"
    if answer:
        console.say(f"updated {count}")
    else:
        console.say(f"{count} {'is' if number == 1 else 'are'} valid; nothing is running here")
    return 0


def _judge(session: Session, text: str, shown_as: str) -> None:
    """Raises BadFile where the text cannot be the workspace's automations beside its overlay."""
    import tempfile

    from devtools.manifest.load import BadFile, judge

    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / "automations.yaml"
        candidate.write_text(text)
        verdict = judge(candidate, shown_as=shown_as, with_overlay=True, root=session.workspace.root)
    if verdict.errors:
        raise BadFile(verdict.errors)


def _here() -> Path:
    from devtools.workspace import locate

    file = locate().file
    assert file is not None
    return file


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise WrongUse(f"{path}: cannot be read: {fault}") from None


def _shape(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "suggestion": problem.suggestion,
    }
