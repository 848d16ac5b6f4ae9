"""Brings the missing repositories of workspace.yaml: aside first, then renamed, several at once.

It must never touch a repository that is already there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devtools.manifest.model import Repository

PARALLEL = 4
CLONE_DEADLINE_S = 900


def missing(root: Path, repositories: Mapping[str, Repository]) -> list[Repository]:
    """The repositories that have a URL and no folder yet."""
    return [item for item in repositories.values() if item.url and not _is_filled(root / item.path)]


def clone_missing(
    root: Path,
    repositories: Mapping[str, Repository],
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> list[str]:
    """Clone what is missing; returns the ids. Raises DevtoolsError that names every failure."""
    wanted = missing(root, repositories)
    if not wanted:
        return []
    for item in wanted:
        say(f"clones {item.id} into {item.path}")
    with ThreadPoolExecutor(PARALLEL) as pool:
        clones = [pool.submit(_clone, root, item, environment) for item in wanted]
        faults = [fault for clone in clones if (fault := clone.result())]
    if faults:
        raise DevtoolsError("\n".join(faults), hint="PAYMENTS_GIT_BASE says where repositories come from")
    return [item.id for item in wanted]


def _clone(root: Path, item: Repository, environment: Mapping[str, str]) -> str | None:
    assert item.url is not None
    try:
        url = Template(item.url).substitute(environment)
    except (KeyError, ValueError):
        return f"{item.id}: {item.path} is missing and its url {item.url} names an unset variable"
    target = root / item.path
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    command = [
        "git",
        "clone",
        "--quiet",
        *(["--branch", item.ref] if item.ref else []),
        "--",
        url,
        str(aside),
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=CLONE_DEADLINE_S,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
        if done.returncode != 0:
            return f"{item.id}: git clone {url}: {done.stderr.strip()}"
        if target.exists():
            target.rmdir()  # only ever an empty folder: a filled one was not missing
        aside.rename(target)
    except subprocess.TimeoutExpired:
        return f"{item.id}: git clone {url} did not end within {CLONE_DEADLINE_S} s"
    except OSError as fault:
        return f"{item.id}: {fault}"
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return None


def _is_filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
