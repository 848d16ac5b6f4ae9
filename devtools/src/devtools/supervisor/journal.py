"""Keeps the state file in step with the engine: which runs live, so that a later supervisor knows them.

It must not fail the supervisor: a full disk costs the record, not the services.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

from devtools.statefile import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.supervisor.engine import Engine

STATE_FILE = "state.json"
GATHER_S = 0.05  # what starts in between is found by its mark, should we be killed before it is written
PERSON = "supervisor.json"


class Journal:
    """Writes at most 20 times a second."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / STATE_FILE
        self._pending = False
        self._complained = False

    def read(self) -> dict[str, Any]:
        """The last state written; empty where there is none."""
        return read_json(self.path)

    def follow(self, engine: Engine) -> None:
        """Write whenever a node changes."""

        def changed(_: object) -> None:
            if not self._pending:
                self._pending = True
                asyncio.get_running_loop().call_later(GATHER_S, self.write, engine)

        engine.observe(changed)

    def write(self, engine: Engine, *, nothing_left: bool = False) -> None:
        """Write now. nothing_left: no process carries our mark any more, so the next need not search."""
        self._pending = False
        runs = {
            node.id: {
                "identity": node.run.identity.to_json() if node.run.identity else None,
                "mark": node.run.mark,
                "fingerprint": node.running_fingerprint,
                "log_offset": node.run.log_offset,
                "started_at": node.started_at,
            }
            for node in engine.nodes.values()
            if node.run is not None
        }
        phases = {
            node.id: {
                "phase": node.phase,
                "reason": node.reason,
                "since": node.since,
                "waits_for": node.waits_for,
                **node.times(),
            }
            for node in engine.nodes.values()
        }
        value: dict[str, Any] = {
            "token": engine.token,
            "runs": runs,
            "nodes": phases,
            "start_up": engine.start_up,
            "written_at": time.time(),
        }
        if nothing_left:
            value["nothing_left"] = True
        try:
            write_json(self.path, value)
            self._complained = False
        except OSError as fault:
            if not self._complained:
                sys.stderr.write(f"the state cannot be written: {fault}\n")
                sys.stderr.flush()
            self._complained = True
