"""Where an instance lives and what it is called everywhere; must not make or remove anything but its record.

Every path and name is derived from the instance's name, never from a file: a forged record leads nowhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devtools import ports
from devtools.errors import DevtoolsError, WrongUse
from devtools.statefile import read_json, write_json
from devtools.workspace import STATE_DIR, Workspace, locate

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "instances"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Instance:
    """One instance of `home`, made or not."""

    home: Workspace
    name: str

    @property
    def folder(self) -> Path:
        """All that belongs to the instance is below it."""
        return self.home.state_dir / FOLDER / self.name

    @property
    def tree(self) -> Path:
        """The instance's own checkout: a workspace like any other."""
        return self.folder / "tree"

    @property
    def doomed(self) -> Path:
        """Where a removal puts the tree before it deletes it."""
        return self.folder / "doomed"

    @property
    def state_dir(self) -> Path:
        """The state of the workspace in the tree."""
        return self.tree / STATE_DIR

    @property
    def branch(self) -> str:
        """The branch that the worktrees are on."""
        return f"instance/{self.name}"

    @property
    def database(self) -> str:
        """The instance's database in the server of its home; other homes have servers of their own."""
        return f"instance_{self.name.replace('-', '_')}"

    @property
    def record(self) -> dict[str, object]:
        """What is remembered of it; empty where it was never begun."""
        return read_json(self.folder / "record.json")

    def remember(self, **facts: object) -> None:
        """Add facts to the record."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "record.json", {**self.record, **facts})

    def workspace(self) -> Workspace:
        """The workspace in its tree; raises WrongUse where there is none."""
        found = locate(self.tree)
        if self.tree not in (found.root, *found.root.parents):
            raise WrongUse(
                f"instance {self.name} has no automations file in its tree",
                hint=f"commit that file, then `devtools instance create {self.name}`",
            )
        return Workspace(found.root, found.file, self.state_dir)


def named(home: Workspace, name: str) -> Instance:
    """The instance of this name, there or not; raises WrongUse for what cannot be one."""
    if _NAME.fullmatch(name) is None:
        raise WrongUse(
            f"`{name}` cannot name an instance", hint="a letter, then up to 30 of a-z, 0-9 and hyphen"
        )
    if ports.lease(home) is not None:
        raise WrongUse("this is an instance itself", hint="run it in the workspace that the instance is of")
    return Instance(home, name)


def existing(home: Workspace) -> list[Instance]:
    """Every instance that was begun, by name."""
    folder = home.state_dir / FOLDER
    found = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    return [Instance(home, name) for name in found if _NAME.fullmatch(name)]


def lease(instance: Instance) -> int:
    """The first port of the instance's block: by its name, or the next block that no sibling has."""
    taken = {other.record.get("first_port") for other in existing(instance.home) if other != instance}
    taken.add(ports.block(instance.home).start)
    before = instance.record.get("first_port")
    if isinstance(before, int) and ports.is_block(before) and before not in taken:
        return before
    import hashlib  # with OpenSSL behind it: an `up` without instances need not wait for that

    digest = hashlib.sha256(os.fsencode(instance.folder)).digest()
    for first in ports.blocks(int.from_bytes(digest[:4], "big")):
        if first not in taken:
            return first
    raise DevtoolsError("every block of ports is leased", hint="devtools instance remove NAME")
