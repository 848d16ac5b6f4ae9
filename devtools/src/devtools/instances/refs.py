"""At which commits an instance begins, in each repository of its home. Must not move a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools.errors import WrongUse
from devtools.instances import life, trees
from devtools.instances.calls import git

if TYPE_CHECKING:
    from devtools.workspace import Workspace


def everywhere(home: Workspace, ref: str) -> dict[str, str]:
    """The same name in every repository."""
    return dict.fromkeys(trees.places(home.root, life.overlay_of(home).repositories), ref)


def of_change(home: Workspace, change: str) -> dict[str, str]:
    """The change's branch in the repositories that have it, whatever each is at in the others.

    Raises WrongUse where none has it.
    """
    found: dict[str, str] = {}
    for name, path in trees.places(home.root, life.overlay_of(home).repositories).items():
        for branch in (f"change/{change}", change):
            full = f"refs/heads/{branch}"
            sha = git(home.root / path, "rev-parse", "--verify", "--quiet", full, check=False)
            if sha:
                found[name] = sha
                break
    if not found:
        raise WrongUse(f"no repository has a branch of the change {change}", hint=f"change start {change}")
    return found
