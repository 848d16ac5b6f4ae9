"""Brings the missing repositories of workspace.yaml in devtools' own words.

It must never touch a repository that is already there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError
from devtools.repositories.fetch import FetchError, Source, fetch
from devtools.repositories.fetch import missing as without_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from devtools.manifest.model import Repository


def sources(repositories: Mapping[str, Repository]) -> list[Source]:
    """Those that have a URL."""
    return [Source(item.id, item.path, item.url, item.ref) for item in repositories.values() if item.url]


def missing(root: Path, repositories: Mapping[str, Repository]) -> list[Repository]:
    """The repositories that have a URL and no folder yet."""
    return [repositories[source.id] for source in without_folder(root, sources(repositories))]


def clone_missing(
    root: Path,
    repositories: Mapping[str, Repository],
    environment: Mapping[str, str],
    say: Callable[[str], None],
    options: Sequence[str] = (),
) -> list[str]:
    """Clone what is missing; returns the ids. Raises DevtoolsError that names every failure."""
    try:
        return fetch(root, sources(repositories), environment, say, options)
    except FetchError as fault:
        hint = (
            "`url` in workspace.yaml says where a repository comes from; the next call brings what is missing"
        )
        raise DevtoolsError(str(fault), hint=hint) from None
