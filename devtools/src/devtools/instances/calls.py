"""Programs run for an instance: in a clean environment, holding the instance's lock until they have ended.

Must not decide what is run.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GIT_DEADLINE_S = 300
OF_A_HOME = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "HOST", "PORT", "VIRTUAL_ENV", "PYTHONPATH")
OF_A_HOME_PREFIXES = ("DEVTOOLS_", "PG")
_ON_ALL_CORES = ("-c", "checkout.workers=0")  # a checkout: what a new file costs is the kernel's work
_OF_A_REPOSITORY = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
}

# Locks that children hold as well: whoever kills us has not yet stopped them, and the next call must wait.
held: set[int] = set()


def clean_environment() -> dict[str, str]:
    """This process's environment without what belongs to the home, or to a git hook that we run in."""
    injected = os.environ.get("DEVTOOLS_INJECTED", "").split(",")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in (*OF_A_HOME, *injected)
        and name not in _OF_A_REPOSITORY
        and not name.startswith(OF_A_HOME_PREFIXES)
    }


def git(folder: Path, *arguments: str, check: bool = True, index: Path | None = None) -> str:
    """What git prints there; raises DevtoolsError with git's own words. index: instead of the real one."""
    more = {"GIT_INDEX_FILE": str(index)} if index else {}
    done = subprocess.run(
        ["git", "-C", str(folder), *_ON_ALL_CORES, *arguments],
        env={**clean_environment(), "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=GIT_DEADLINE_S,
        pass_fds=tuple(held),
    )
    if done.returncode and check:
        raise DevtoolsError(f"git {arguments[0]} in {folder}: {done.stderr.strip()}")
    return done.stdout.strip("\n") if done.returncode == 0 else ""


def output_of(
    command: Sequence[str],
    folder: Path,
    who: str,
    *,
    aloud: bool = False,
    more: Mapping[str, str] | None = None,
) -> str:
    """What the command prints; raises DevtoolsError with its last words. aloud: its messages go to ours.

    more: variables beside those of the clean environment.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**clean_environment(), **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if aloud else subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=tuple(held),
    )
    if done.returncode:
        tail = "\n".join(((done.stderr or "") + done.stdout).splitlines()[-15:])
        said = f"\n{tail}" if tail and not aloud else ""
        raise DevtoolsError(f"{who}: `{' '.join(command[-4:])}` failed{said}", exit_code=done.returncode)
    return done.stdout
