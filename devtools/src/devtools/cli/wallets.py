"""`devtools wallets route|risk --what-if …`: past decisions made again, by the worker's own pure rules.

Must not know the rules: it becomes the worker's program, in the workspace's environment.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from devtools.cli import exec as become


def command(words: Annotated[list[str], typer.Argument(metavar="route|risk --what-if JSON|FILE")]) -> int:
    """Replay routing with other weights, or risk with other rules; nothing is changed."""
    return become.command([sys.executable, "-m", "recon_worker.wallets.replay", *words])


command.context_settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}  # pyright: ignore[reportFunctionMemberAccess]
