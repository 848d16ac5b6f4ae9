"""`devtools doctor`: what is wrong here, with the mend of each finding; `--fix` mends what is safe.

It must answer also where files are bad or nothing runs, and change nothing without `--fix`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from devtools import console
from devtools.doctor import Finding, examine
from devtools.errors import FAILED, DevtoolsError
from devtools.session import open_session

_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


def command(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is safe to mend.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> int:
    """Look at Python, disk, files, state, leftovers, ports and clock; exit 1 where an error remains."""
    found = [(finding, _mended(finding) if fix else None) for finding in examine(open_session())]
    is_well = not any(finding.level == "error" and done is None for finding, done in found)
    if as_json:
        shapes = [
            {
                "check": finding.check,
                "level": finding.level,
                "message": finding.message,
                "mend": finding.mend or None,
                "fixable": finding.fix is not None,
                "fixed": done,
            }
            for finding, done in found
        ]
        console.out_json({"ok": is_well, "findings": shapes})
        return 0 if is_well else FAILED
    for finding, done in found:
        level = console.styled(finding.level.ljust(7), _STYLES[finding.level])
        console.out(f"{level}  {finding.check}: {finding.message}")
        if done is not None:
            console.out(f"         mended: {done}")
        elif finding.mend:
            console.out(f"         mend: {finding.mend}")
    return 0 if is_well else FAILED


def _mended(finding: Finding) -> str | None:
    """What was done about it; None where nothing was, or it did not work."""
    if finding.fix is None:
        return None
    try:
        return finding.fix()
    except (OSError, DevtoolsError) as fault:
        console.warn(f"{finding.check}: could not be mended: {fault}")
        return None
