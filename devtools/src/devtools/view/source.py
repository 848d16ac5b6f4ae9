"""What the view looks at and acts on: the supervisor's events, the logs, the ordinary commands.

It must not draw.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from devtools import logview
from devtools.cli.explain import chain, explain
from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.session import Session

LINES = 200
VERBS = ("start", "stop", "restart")


class Source(Protocol):
    """A workspace as the view needs it; calls may take their time and come from threads."""

    name: str

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def events(self) -> Iterator[dict[str, Any]]:
        """Every node now, then every change; ends with the supervisor."""
        ...

    def figures(self) -> dict[str, dict[str, Any]]:
        """Node → its processor and memory now."""
        ...

    def log(self, name: str, offset: int | None) -> tuple[list[str], int]:
        """The lines since `offset` (None: the last 200) and where to go on."""
        ...

    def why(self, name: str) -> list[str]:
        """The chain of blockers, for people."""
        ...

    def act(self, verb: str, node: dict[str, Any]) -> str:
        """Start, stop or restart; what came of it, in one line."""
        ...


class Supervised:
    """The workspace of a session, by its supervisor and its log files."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.name = session.plan().name
        self._folder = session.workspace.state_dir / "logs"

    def now(self) -> float:
        """The wall clock."""
        return time.time()

    def events(self) -> Iterator[dict[str, Any]]:
        """The nodes of the supervisor's event stream."""
        try:
            for event in self.session.client.stream("/v1/events"):
                if "node" in event:
                    yield event["node"]
        except (OSError, DevtoolsError):
            return  # it has ended, which is for the view to say

    def figures(self) -> dict[str, dict[str, Any]]:
        """From the supervisor's status; nothing where it is gone."""
        try:
            status = self.session.status()
        except (OSError, DevtoolsError):
            status = None
        return {node["id"]: node for node in status["nodes"]} if status else {}

    def log(self, name: str, offset: int | None) -> tuple[list[str], int]:
        """From the log's file."""
        if offset is None:
            end = logview.ends(self._folder, [name])[name]
            return [line.text for line in logview.tail(self._folder, [name], LINES)], end
        lines, known = logview.fresh(self._folder, name, {name: offset}, whole=False)
        return [line.text for line in lines], known[name]

    def why(self, name: str) -> list[str]:
        """As `devtools why` says it."""
        nodes = self.figures()
        return [line for item in chain(nodes, name) for line in explain(self.session, nodes[item])]

    def act(self, verb: str, node: dict[str, Any]) -> str:
        """By the ordinary command, with its locks and its rules."""
        words = [node["kind"], verb, node["id"]]
        if node["kind"] == "task" and verb == "start":
            words.append("--no-wait")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "devtools", *words],
            cwd=self.session.workspace.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        return said[0] if said else f"{verb} {node['id']}: {'done' if done.returncode == 0 else 'failed'}"
