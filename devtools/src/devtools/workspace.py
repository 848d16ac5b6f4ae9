"""Where a workspace is: its folder, its automations file, its state.

It must not read what the files mean, start anything, or know what the workspace is for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from devtools.errors import WrongUse

STATE_DIR = ".devtools"
PLACES = tuple(
    f"{folder}{stem}"
    for folder in ("", ".ona/", ".gitpod/")
    for stem in ("automations.yaml", "automations.yml", "automations.json")
)


class Workspace(NamedTuple):
    """One workspace on disk; `state_dir` belongs to the instance that this command speaks to."""

    root: Path
    file: Path | None
    state_dir: Path

    @property
    def socket_file(self) -> Path:
        """The supervisor's Unix socket; elsewhere than in the state where that path is too long for one."""
        from devtools.supervisor.launch import socket_path

        return socket_path(self.state_dir)

    def make_state_dir(self) -> None:
        """Create the state folder, which never enters version control."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        ignore = self.state_dir / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        for name in ("logs", "run"):
            (self.state_dir / name).mkdir(exist_ok=True)


def locate(start: Path | None = None, *, required: bool = True) -> Workspace:
    """The workspace around `start` (default: DEVTOOLS_WORKSPACE, else the current folder).

    Raises WrongUse where `required` and no automations file is found in the folder or its parents.
    """
    given = os.environ.get("DEVTOOLS_WORKSPACE")
    folder = (start or Path(given or os.curdir)).resolve()
    file = find(folder)
    if file is None and required:
        raise WrongUse(
            f"no automations file in {folder} or its parents",
            hint=f"`devtools automations init` writes one; looked for {', '.join(PLACES[::3])}",
        )
    root = root_of(file) if file else folder
    state = os.environ.get("DEVTOOLS_STATE_DIR")
    return Workspace(root, file, Path(state).resolve() if state else root / STATE_DIR)


def find(start: Path) -> Path | None:
    """The automations file of `start` or its nearest parent that has one."""
    for folder in (start, *start.parents):
        for place in PLACES:
            candidate = folder / place
            if candidate.is_file():
                return candidate
    return None


def root_of(file: Path) -> Path:
    """The folder that an automations file speaks for: the parent of `.ona` or `.gitpod`."""
    folder = Path(os.path.realpath(file)).parent  # unlike resolve() it bears links in a circle
    return folder.parent if folder.name in (".ona", ".gitpod") else folder
