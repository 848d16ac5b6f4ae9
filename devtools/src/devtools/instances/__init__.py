"""Isolated copies of a workspace, side by side: own worktrees, ports, database and state.

The doors that other commands use are here; they cost nothing where there are no instances.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devtools import environment, ports
from devtools.instances.place import FOLDER

if TYPE_CHECKING:
    from devtools.workspace import Workspace


def before_up(workspace: Workspace) -> None:
    """An instance needs its home's database server."""
    if ports.lease(workspace) is not None:
        from devtools.instances import server

        server.attach(workspace)


def told_filled() -> dict[str, str]:
    """Tasks that this `up` need not run, and why: whoever makes an instance has filled its database."""
    if not os.environ.get(environment.FILLED):
        return {}
    from devtools.instances import filling

    return filling.told()


def before_down(workspace: Workspace) -> list[str]:
    """Stop the instances whose database server is about to stop; returns their names."""
    if not (workspace.state_dir / FOLDER).is_dir():
        return []
    from devtools.instances import running
    from devtools.instances.place import existing

    stopped = [instance for instance in existing(workspace) if running.lives(instance)]
    for instance in stopped:
        running.devtools(instance, "down")
    return [instance.name for instance in stopped]
