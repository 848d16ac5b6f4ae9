"""`devtools up`: everything that the triggers name is started, proven ready and validated.

It must launch the supervisor before it imports anything else: the two begin side by side.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Annotated

from devtools.cli.interrupt import Interrupts
from devtools.errors import INTERRUPTED
from devtools.session import launched, only_one, open_session
from devtools.verbs import TRUST

if TYPE_CHECKING:
    import typer

    from devtools.cli.bring import Up


def command(
    no_validate: Annotated[bool, typer.Option("--no-validate", help="Do not run the validation.")] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, show the logs, stop everything at the end.")
    ] = False,
    only: Annotated[str, typer.Option(help="Only these services and tasks, and what they need: a,b")] = "",
    profile: Annotated[str, typer.Option(help="Services of these profiles as well: a,b (or: default)")] = "",
    watch: Annotated[
        bool | None,
        typer.Option("--watch/--no-watch", help="From now on, restart what a save in a repository reaches."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The status as JSON on stdout at the end.")] = False,
    trust: Annotated[bool, typer.Option("--trust", help=TRUST)] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Start nothing: only say what would be cloned, asked and run.")
    ] = False,
) -> int:
    """Start the workspace, prove every service ready, then validate it."""
    began = time.monotonic()
    session = open_session()
    if dry_run:
        from devtools.cli import rehearse

        return rehearse.tell(session, only, profile, as_json=as_json)
    with Interrupts() as interrupts, only_one(session.workspace, "devtools up"):
        up: Up | None = None
        try:
            with interrupts.held():
                started = launched(session)
                gc.disable()  # what is imported stays: looking for garbage in between costs milliseconds
                from devtools.cli import bring

                gc.enable()
                up = bring.Up(session, interrupts, started, quiet=as_json, watch=watch)
            up.bring(only, profile, trusted=trust)
            status = 0 if no_validate or not up.begun or only else _validate(up, as_json)
            if status == 0:
                bring.tell(session, up, as_json, time.monotonic() - began)
        except KeyboardInterrupt:
            return up.undo() if up else INTERRUPTED
    if foreground and status == 0:
        from devtools.cli.foreground import stay

        return stay(session)
    return status


def _validate(up: Up, as_json: bool) -> int:
    try:
        from devtools.validation import run
    except ImportError:
        return 0  # the tool is used without the validation of this workspace
    return run.after_up(up.session.workspace, quiet=as_json)
