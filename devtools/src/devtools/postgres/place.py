"""Which workspace's database is meant: its folder, its names and its port. Must not start anything."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from devtools.errors import WrongUse
from devtools.manifest.load import find, load, root_of
from devtools.manifest.model import Database

STATE_FOLDER = ".devtools"
DEFAULT_PORT = 5432


@dataclass(frozen=True)
class Place:
    """One workspace, as far as its database is concerned; `port` is where its server will listen."""

    root: Path
    state_dir: Path
    database: Database
    port: int


def external_url() -> str | None:
    """The server that the user named instead of the embedded one."""
    return os.environ.get("DATABASE_URL") or None


def automations_file() -> Path | None:
    """The file of the workspace that the supervisor named, else of the nearest folder upward."""
    named = os.environ.get("DEVTOOLS_WORKSPACE")
    return find(Path(named) if named else Path.cwd())


def state_dir(folder: Path) -> Path:
    """Where the workspace, or the instance of it that is meant, keeps its state."""
    return Path(os.environ.get("DEVTOOLS_STATE_DIR") or folder / STATE_FOLDER)


def here() -> Place:
    """The workspace that is meant, with a database of its own. Raises WrongUse where there is none."""
    file = automations_file()
    if file is None:
        raise WrongUse("no workspace here", hint="go to a folder that has an automations.yaml")
    _, overlay = load(file)
    if overlay.database is None:
        raise WrongUse(
            f"the workspace.yaml beside {file} names no database",
            hint="database: {service: postgres, port: postgres, name: app, owner: app_owner, user: app}",
        )
    named = overlay.database.port
    leased: dict[str, int] = json.loads(os.environ.get("DEVTOOLS_PORTS") or "{}")
    default = int(named) if named.isdecimal() else overlay.ports.get(named, DEFAULT_PORT)
    root = root_of(file)
    return Place(root, state_dir(root), overlay.database, int(leased.get(named, default)))
