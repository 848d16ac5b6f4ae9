"""`devtools validate`: prove the running workspace. Must not know what the steps do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

WATCH_PAUSE_S = 10.0


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every scenario, not only the seven steps.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Validate again and again until Ctrl-C.")] = False,
) -> int:
    """Prove the whole way of a payment by its seven steps; exit 1 where one fails."""
    from devtools.validation import run, target
    from devtools.workspace import locate

    workspace = locate(required=False)
    state = workspace.state_dir if workspace.file else None
    while True:
        with target.world_of(workspace) as world:
            passed = run.prove(world, everything=everything, as_json=as_json, junit=junit, state=state)
        if not watch:
            return 0 if passed else 1
        time.sleep(WATCH_PAUSE_S)
