"""When the tasks that fill a database need not run in a new instance: their work is in its template already.

Must not believe that of a template which other commits, settings or variables have filled.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from devtools import environment
from devtools.instances import calls, trees, venv
from devtools.instances.calls import git
from devtools.manifest import load
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtools.instances.place import Instance
    from devtools.manifest.model import Overlay, Repository

REASON = "not run: its database was cloned from a template that this task filled, made of the same code"
_OF_A_SHELL = ("COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "TERM", "_")


def origin(instance: Instance, repositories: Mapping[str, Repository], tasks: Sequence[str] = ()) -> str:
    """Names all that these tasks see in a tree that was just made: commits, settings, variables.

    Whole, not only the migrations: what a task reads besides is known to nobody but the task. Left out is
    only what belongs to repositories that none of them is made of, as the tree's own files tell. Empty where
    the tree is not as it was made.
    """
    if (instance.tree / ".env").exists() or trees.unsaved(instance, repositories):
        return ""
    own, foreign = _parts(instance, tasks)
    code = {
        name: git(instance.tree / path, "rev-parse", "HEAD")
        for name, path in trees.places(instance.home.root, repositories).items()
        if str(path) not in foreign
    }
    if foreign:  # the root's commit is of all
        code[checkouts.ROOT] = _content(instance.tree, own, foreign)
    settings = environment.read_env_file(instance.home.root / ".env", required=False)
    variables = {name: value for name, value in calls.clean_environment().items() if name not in _OF_A_SHELL}
    seen = json.dumps([list(tasks), code, settings, variables], sort_keys=True)
    return hashlib.sha256(os.fsencode(seen)).hexdigest()


def _parts(instance: Instance, tasks: Sequence[str]) -> tuple[set[str], set[str]]:
    """The folders of the repositories that the tasks are made of, and of those that none of them is.

    They are made of what they run, by workspace.yaml, of what that builds on, and of devtools, which starts
    them. Where workspace.yaml does not say what each of them runs, no repository is left out.
    """
    overlay = load.of(instance.workspace())[1]
    run = [overlay.tasks[name].repositories if name in overlay.tasks else () for name in tasks]
    if not run or not all(run):
        return set(), set()
    known = overlay.repositories.values()
    needs = checkouts.dependencies([checkouts.at(instance.tree, item) for item in known])
    own = {name for names in run for name in names} | _of_devtools(instance.home.root, overlay)
    while more := {other for name in own for other in needs[name]} - own:
        own |= more
    folders = {item.id: str(Path(item.path)) for item in known}
    ours = {folders[name] for name in own}
    return ours, set(folders.values()) - ours


def _of_devtools(home: Path, overlay: Overlay) -> set[str]:
    here = Path(__file__).resolve()
    known = overlay.repositories.values()
    return {item.id for item in known if here.is_relative_to((home / item.path).resolve())}


def _content(tree: Path, own: set[str], foreign: set[str]) -> str:
    """Names the files of the root's commit that are in no foreign folder, and the packages to install."""
    ours, others = (tuple(f"{path}/" for path in paths) for paths in (own, foreign))
    lines = git(tree, "ls-tree", "-r", "-z", "HEAD").split("\0")
    paths = ((line, line.partition("\t")[2]) for line in lines)
    kept = [line for line, path in paths if path.startswith(ours) or not path.startswith(others)]
    packages = venv.wanted(tree).partition(b"\n")[2]  # its first line is the folder
    return hashlib.sha256(os.fsencode("\0".join(kept)) + b"\0\0" + packages).hexdigest()


def variable(tasks: Sequence[str]) -> dict[str, str]:
    """What tells an instance's `up` that these tasks are done."""
    return {environment.FILLED: ",".join(tasks)} if tasks else {}


def told() -> dict[str, str]:
    """The tasks that the caller of this `up` has named so, and why they need not run."""
    return dict.fromkeys(filter(None, os.environ.get(environment.FILLED, "").split(",")), REASON)
