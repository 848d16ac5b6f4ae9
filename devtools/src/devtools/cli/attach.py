"""`devtools attach`: every change of a service and every line of a log, as they come; Ctrl-C detaches.

It must not start or stop anything: whoever leaves, leaves the workspace as it is.
"""

from __future__ import annotations

import _thread
import signal
import threading
from typing import TYPE_CHECKING, Annotated

from devtools import console
from devtools.cli.logs import show
from devtools.cli.progress import Progress
from devtools.errors import DevtoolsError
from devtools.session import Session, need_supervisor, open_session

if TYPE_CHECKING:
    import typer

LINES = 20


def command(
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many past lines first.", min=0)] = LINES,
) -> int:
    """Follow changes (stderr) and logs (stdout) of a running workspace until Ctrl-C or its end."""
    session = open_session()
    need_supervisor(session)
    ended = threading.Event()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the way by which the listener ends us, too
    try:
        threading.Thread(target=_listen, args=(session, ended), daemon=True).start()
        show(session, [], follow=True, lines=lines)
    except KeyboardInterrupt:
        pass
    console.say("everything is stopped" if ended.is_set() else "detached; everything goes on")
    return 0


def _listen(session: Session, ended: threading.Event) -> None:
    """Tell every change; where the supervisor ends, so does the command."""
    progress = Progress()
    try:
        for event in session.client.stream("/v1/events"):
            progress.event(event)
    except (OSError, ValueError, DevtoolsError) as fault:
        console.warn(f"the supervisor is gone: {fault}")
    ended.set()
    _thread.interrupt_main()
