"""When the tasks that fill a database need not run in a new instance: their work is in its template already.

Must not believe that of a template which other commits, settings or variables have filled.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from devtools import environment
from devtools.instances import calls, trees
from devtools.instances.calls import git

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtools.instances.place import Instance
    from devtools.manifest.model import Repository

REASON = "not run: its database was cloned from a template that this task filled at the same commits"
_OF_A_SHELL = ("COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "TERM", "_")


def origin(instance: Instance, repositories: Mapping[str, Repository]) -> str:
    """Names all that a task sees in a tree that was just made: commits, settings, variables.

    Whole, not only the migrations: what a task reads besides is known to nobody but the task. Empty where the
    tree is not as it was made.
    """
    if (instance.tree / ".env").exists() or trees.unsaved(instance, repositories):
        return ""
    known = trees.places(instance.home.root, repositories)
    commits = {name: git(instance.tree / path, "rev-parse", "HEAD") for name, path in known.items()}
    settings = environment.read_env_file(instance.home.root / ".env", required=False)
    variables = {name: value for name, value in calls.clean_environment().items() if name not in _OF_A_SHELL}
    seen = json.dumps([commits, settings, variables], sort_keys=True)
    return hashlib.sha256(os.fsencode(seen)).hexdigest()


def variable(tasks: Sequence[str]) -> dict[str, str]:
    """What tells an instance's `up` that these tasks are done."""
    return {environment.FILLED: ",".join(tasks)} if tasks else {}


def told() -> dict[str, str]:
    """The tasks that the caller of this `up` has named so, and why they need not run."""
    return dict.fromkeys(filter(None, os.environ.get(environment.FILLED, "").split(",")), REASON)
