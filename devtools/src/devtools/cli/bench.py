"""`devtools bench NAME`: run one of the workspace's benchmarks. Must not measure anything itself."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from devtools import console
from devtools.errors import DevtoolsError, WrongUse
from devtools.workspace import locate

RESULT_KEYS = {"bench", "figures", "ratios", "targets", "holds"}


def command(
    name: Annotated[str | None, typer.Argument(help="Which; without it, they are listed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> int:
    """Run benchmarks/NAME.py against a throw-away durable Postgres; exit 1 where a target is missed."""
    workspace = locate()
    found = {
        file.stem: file for file in sorted((workspace.root / "benchmarks").glob("*.py")) if _is_one(file)
    }
    if name is None:
        console.table(["BENCH", "MEASURES"], [[stem, _purpose(file)] for stem, file in found.items()])
        return 0
    if name not in found:
        raise WrongUse(f"no benchmark is called {name}", hint=f"one of {', '.join(found) or 'none yet'}")
    result = _run(found[name], workspace.state_dir)
    if as_json:
        console.out_json(result)
    else:
        _show(result)
    return 0 if result["holds"] else 1


def _run(file: Path, state_dir: Path) -> dict[str, Any]:
    from devtools.postgres import run

    cluster = run.private_name("bench")
    console.say("starting a durable throw-away Postgres")
    try:
        address, _ = run.start_throw_away(state_dir, cluster, durable=True)
        done = subprocess.run(
            [sys.executable, str(file), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "BENCH_DATABASE_URL": address, "PYTHONUNBUFFERED": "1"},
        )
    finally:
        run.remove_throw_away(state_dir, cluster)
    result = _parsed(done.stdout)
    if not result.keys() >= RESULT_KEYS:
        raise DevtoolsError(
            f"{file.name} ended with status {done.returncode} and printed no result",
            hint="its messages are above",
        )
    return result


def _parsed(text: str) -> dict[str, Any]:
    try:
        result: Any = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", result) if isinstance(result, dict) else {}


def _show(result: dict[str, Any]) -> None:
    for section in ("figures", "ratios"):
        for key, value in result[section].items():
            wanted = result["targets"].get(key)
            target = f"target {wanted}" if wanted else ""
            console.out(f"  {key.ljust(44)} {_number(value).rjust(14)}  {target}".rstrip())
    console.out(f"{result['bench']}: {'every target holds' if result['holds'] else 'a target is missed'}")


def _number(value: object) -> str:
    return f"{value:,.3f}" if isinstance(value, float) else str(value)


def _is_one(file: Path) -> bool:
    """A benchmark says whether its targets hold; what its siblings import does not."""
    return '"holds"' in file.read_text()


def _purpose(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]
