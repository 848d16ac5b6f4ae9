"""`devtools validate`: prove the running workspace. Must not know what the steps do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from devtools.workspace import Workspace


def command(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout; with --watch one a line.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every scenario, not only the seven steps.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then again, after each restart, the steps that it affects.")
    ] = False,
) -> int:
    """Prove the whole way of a payment by its seven steps; exit 1 where one fails."""
    from devtools.validation import run, target
    from devtools.workspace import locate

    workspace = locate(required=watch)
    if watch:
        _follow(workspace, everything=everything, as_json=as_json, junit=junit)
    state = workspace.state_dir if workspace.file else None
    with target.world_of(workspace) as world:
        passed = run.prove(world, everything=everything, as_json=as_json, junit=junit, state=state)
    return 0 if passed else 1


def _follow(workspace: Workspace, *, everything: bool, as_json: bool, junit: Path | None) -> NoReturn:
    """Until Ctrl-C or the end of the workspace."""
    from devtools import console
    from devtools.session import Session, need_supervisor
    from devtools.validation import target
    from devtools.validation.follow import Follower, follow

    session = Session(workspace)
    if not need_supervisor(session)["watches"]:
        console.warn("saves are not followed: `devtools up --watch` restarts what a save reaches")
    follower = Follower(
        lambda: target.world_of(workspace),
        everything=everything,
        as_json=as_json,
        junit=junit,
        state=workspace.state_dir,
    )
    follow(follower, session.client.stream("/v1/events"))
