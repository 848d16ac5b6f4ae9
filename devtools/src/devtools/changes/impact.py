"""What a change reaches: the repositories it changes, those that build on them, those it migrates.

Read from the commits and the packages' files; must not run anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools.changes import place
from devtools.plan import MIGRATIONS
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from devtools.changes.place import Change
    from devtools.manifest.model import Repository


def files(change: Change, tuple_: Mapping[str, str]) -> list[str]:
    """Every file that the change touches, from the workspace's folder."""
    base = change.record["base"]
    found: list[str] = []
    for item in place.parts(change):
        prefix = "" if item.path == checkouts.ROOT else f"{item.path}/"
        names = item.git("diff", "--name-only", "-z", f"{base[item.id]}..{tuple_[item.id]}").split("\0")
        found += [prefix + name for name in names if name]
    return found


def changed(repositories: Mapping[str, Repository], touched: list[str]) -> set[str]:
    """The repositories, or in a single checkout the parts, that have one of these files."""
    return {
        item.id for item in repositories.values() if any(name.startswith(f"{item.path}/") for name in touched)
    }


def reached(tree: Path, repositories: Mapping[str, Repository], touched: list[str]) -> list[Repository]:
    """The changed repositories and all that build on them, those that others build on first."""
    parts = [checkouts.at(tree, item) for item in repositories.values()]
    needs = checkouts.dependencies(parts)
    found = changed(repositories, touched)
    order = [item.id for item in checkouts.build_order(parts)]
    for name in order:  # whatever it needs stands before it
        if found & set(needs[name]):
            found.add(name)
    return [repositories[name] for name in order if name in found]


def migrating(repositories: Mapping[str, Repository], touched: list[str]) -> list[str]:
    """The repositories with a changed migration, which is what lies in a folder of that name; or the root."""
    moved = [name for name in touched if MIGRATIONS in name.split("/")[:-1]]
    return sorted(changed(repositories, moved)) or ([checkouts.ROOT] if moved else [])
