"""`devtools install` and `devtools lock`, by hand. Must not do what the room `install` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from devtools import console
from devtools.errors import DevtoolsError, WrongUse
from devtools.verbs import TRUST


def command(trust: Annotated[bool, typer.Option("--trust", help=TRUST)] = False) -> int:
    """Bring .venv in step with the lock; `./dev` has done so already before it came here."""
    from devtools import trust as agreement
    from devtools.install import bootstrap

    root = _root()
    if status := agreement.main([str(root), *(["--trust"] if trust else [])]):
        return status
    workspace = bootstrap.Workspace(root)
    if not workspace.is_installed():
        base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        return subprocess.run([str(base), "-I", bootstrap.__file__, str(root)]).returncode
    console.say("installed: .venv is in step with requirements.lock")
    return 0


def lock(
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Take the newest versions allowed.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 where it is stale.")] = False,
) -> int:
    """Resolve requirements.in and every package's pyproject into requirements.lock."""
    from devtools.install import lock as locking

    root = _root()
    if check:
        problems = locking.unsatisfied(root)
        for problem in problems:
            console.error(problem)
        return 1 if problems else 0
    try:
        console.say(f"wrote {locking.make(root, upgrade=upgrade).name}; ./dev installs it with the next call")
    except locking.LockError as fault:
        raise DevtoolsError(str(fault)) from fault
    return 0


def _root() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "requirements.lock").is_file():
            return folder
    raise WrongUse("no requirements.lock in this folder or above it")
