"""The named steps of a verification, each with its time and what was wrong. Must not decide what is run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Callable


class Steps:
    """What was judged so far, in its order; `say` hears of each step as it ends."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.done: list[dict[str, Any]] = []
        self.notices: list[str] = []
        self.say = say

    @property
    def passed(self) -> bool:
        """True while nothing was wrong."""
        return all(step["passed"] for step in self.done)

    def run(self, name: str, judge: Callable[[], str]) -> bool:
        """Run one step; `judge` returns what is wrong. True where nothing is."""
        began = time.monotonic()
        try:
            error = judge()
        except DevtoolsError as fault:
            error = fault.message
        self.add(name, time.monotonic() - began, error)
        return not error

    def notice(self, text: str) -> None:
        """Say what was not judged, and why: a verdict must not look wider than it is."""
        self.notices.append(text)
        self.say(f"not judged: {text}")

    def add(self, name: str, seconds: float, error: str) -> None:
        """Note a step that has ended; `error` is empty where it passed."""
        self.done.append(
            {"name": name, "passed": not error, "seconds": round(seconds, 3), "error": error or None}
        )
        self.say(f"{'✗' if error else '✓'} {name}  {seconds:.1f} s" + (f"\n{error}" if error else ""))
