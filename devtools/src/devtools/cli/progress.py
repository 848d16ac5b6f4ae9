"""How a start or a stop is told while it happens: one line per step, on stderr.

It must not decide how it ends.
"""

from __future__ import annotations

import time
from typing import Any

from devtools import console

_SIGNS = {
    "running": ("✓", "green"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "stopped": ("■", "dim"),
}


class Progress:
    """Tells each node's phases once; times count from the beginning of the command."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._began = time.monotonic()
        self._told: dict[str, tuple[str, str]] = {}
        self._quiet = quiet

    def event(self, event: dict[str, Any]) -> None:
        """Tell one event of the supervisor's stream."""
        if left := event.get("leftovers"):
            self._leftovers(left)
        node = event.get("node")
        if not node:
            return
        phase = "ready" if node["phase"] == "running" and node["ready"] else node["phase"]
        now = (phase, node["reason"])
        if self._told.get(node["id"]) == now:
            return
        self._told[node["id"]] = now
        if phase in ("pending", "starting") and not node["reason"]:
            return
        if phase == "running" and node["kind"] == "task":
            phase = "runs"
        self.line(node["id"], phase, node["reason"])

    def line(self, name: str, phase: str, reason: str = "") -> None:
        """One line: seconds, sign, name, phase, reason."""
        if self._quiet:
            return
        sign, style = _SIGNS.get("running" if phase == "ready" else phase, ("·", "dim"))
        seconds = f"{time.monotonic() - self._began:6.1f} s"
        text = f"{seconds}  {sign} {name.ljust(20)} {phase}" + (f": {reason}" if reason else "")
        console.say(text, style) if style == "dim" else console.say(
            text.replace(sign, _coloured(sign, style), 1)
        )

    def _leftovers(self, left: dict[str, Any]) -> None:
        if left.get("adopted") and not self._quiet:
            console.say(f"adopts what an earlier supervisor left running: {', '.join(left['adopted'])}")
        if left.get("ended") and not self._quiet:
            console.say(f"ended {left['ended']} processes that an earlier supervisor left behind")


def _coloured(sign: str, style: str) -> str:
    import sys

    return console.styled(sign, style, stream=sys.stderr)
