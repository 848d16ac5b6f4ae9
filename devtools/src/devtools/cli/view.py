"""`devtools view`: everything on one screen, with its logs, its start-up and the keys to act.

It must leave the workspace as it is when it is closed.
"""

from __future__ import annotations

import sys

from devtools.errors import WrongUse
from devtools.session import need_supervisor, open_session


def command() -> int:
    """Look at the running workspace in a full screen; q leaves, and everything runs on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongUse("the view needs a terminal", hint="`devtools status` and `devtools logs` need none")
    session = open_session()
    need_supervisor(session)
    from devtools.view.screen import View
    from devtools.view.source import Supervised

    View(Supervised(session)).run()
    return 0
