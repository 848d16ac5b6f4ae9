"""`up --foreground`: stays, shows the logs, and ends everything when it ends, however that happens.

It must not leave services behind where it is killed: the supervisor holds the other end of the tether.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from devtools import console
from devtools.cli.interrupt import Interrupts
from devtools.cli.logs import show
from devtools.cli.progress import Progress
from devtools.errors import INTERRUPTED
from devtools.supervisor import launch

if TYPE_CHECKING:
    from devtools.session import Session


def stay(session: Session) -> int:
    """Follow the logs until Ctrl-C, then bring everything down; 130."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tether, Interrupts() as interrupts:
        tether.connect(str(session.workspace.socket_file))
        tether.sendall(b"GET /v1/events?tether=1 HTTP/1.1\r\nHost: supervisor\r\n\r\n")
        with contextlib.suppress(KeyboardInterrupt):
            console.say("stays in the foreground; Ctrl-C stops everything")
            show(session, [], follow=True, lines=0)
        console.say("stops everything (Ctrl-C again kills it)")
        interrupts.count = max(interrupts.count, 1)
        interrupts.then(lambda: session.client.post("/v1/kill", {}))
        supervisor = launch.holder(session.workspace.state_dir)
        progress = Progress()
        for event in session.client.stream("/v1/down", {}):
            progress.event(event)
    launch.await_gone(supervisor)
    return INTERRUPTED
