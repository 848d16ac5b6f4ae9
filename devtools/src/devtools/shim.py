"""`gitpod` and `ona` on the PATH of services and tasks, so that files which call back work here as well.

It must not hold what the two answer: `cli/platform.py` does.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("gitpod", "ona")


def folder(state_dir: Path) -> Path:
    """Where an instance's two programs lie."""
    return state_dir / "bin"


def install(state_dir: Path) -> None:
    """Write the programs where they are missing or speak for another Python."""
    for name in NAMES:
        text = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m devtools platform {name} "$@"\n'
        with contextlib.suppress(OSError):  # on a full disk only the files that call back are worse off
            _write(folder(state_dir) / name, text.encode())


def _write(program: Path, text: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        if program.read_bytes() == text:
            return
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_name(f".{program.name}.{os.getpid()}")
    fresh.write_bytes(text)
    fresh.chmod(0o755)
    fresh.replace(program)  # at once: another command may be running it
