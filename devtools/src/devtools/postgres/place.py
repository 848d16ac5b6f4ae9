"""Which workspace's database is meant: its folder, its names and its port. Must not start anything."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from devtools import environment, ports
from devtools.errors import WrongUse
from devtools.manifest import load
from devtools.manifest.model import Database, Overlay
from devtools.workspace import Workspace, locate

DEFAULT_PORT = 5432


@dataclass(frozen=True)
class Place:
    """One workspace, as far as its database is concerned; `port` is where its server will listen."""

    root: Path
    state_dir: Path
    database: Database
    port: int


def external_url(workspace: Workspace) -> str | None:
    """The server that the user named instead of the embedded one."""
    named = environment.user_environment(workspace)
    return environment.database_url(named) if environment.has_external_database(named) else None


def place_of(workspace: Workspace) -> Place:
    """The workspace's own database. Raises WrongUse where it has none."""
    if workspace.file is None:
        raise WrongUse("no workspace here", hint="go to a folder that has an automations.yaml")
    _, overlay = load.of(workspace)
    if overlay.database is None:
        raise WrongUse(
            f"{workspace.root / 'workspace.yaml'} names no database",
            hint="database: {service: postgres, port: postgres, name: app, owner: app_owner, user: app}",
        )
    named = overlay.database.port
    number = int(named) if named.isdecimal() else leased_ports(workspace, overlay).get(named, DEFAULT_PORT)
    return Place(workspace.root, workspace.state_dir, overlay.database, number)


def leased_ports(workspace: Workspace, overlay: Overlay) -> dict[str, int]:
    """The ports by name: as given by the supervisor, else as chosen by an earlier `up`, else the defaults."""
    given: dict[str, int] = json.loads(os.environ.get("DEVTOOLS_PORTS") or "{}")
    return {**ports.kept(workspace, overlay.ports), **given}


def here() -> Place:
    """The database of the workspace around the current folder."""
    return place_of(locate())
