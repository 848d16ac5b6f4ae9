"""What an earlier supervisor of this instance left running: found by identity and mark, adopted or ended.

It must never touch a process that is not provably of this instance.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from devtools import identity
from devtools.supervisor import recorded, run, tree

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.plan import Definition

GRACE_S = 5.0


class Leftovers:
    """The runs recorded in the state file that still live, and every process that carries our mark."""

    def __init__(self, token: str, runs: object, logs: Path) -> None:
        self.token = token
        self._records = recorded.living(token, runs, logs)
        self.is_settled = False
        self.are_gone = False

    def adoptable(self, definition: Definition) -> bool:
        """True where a living run of the unchanged definition may be taken over."""
        record = self._records.get(definition.id)
        return (
            record is not None
            and not definition.is_task
            and not record.get("adopted")
            and record.get("fingerprint") == definition.fingerprint()
            and identity.is_alive(identity.from_json(record["identity"]))
        )

    def adopt(self, definition: Definition) -> run.Run | None:
        """Take that run over; it is handed out once."""
        if not self.adoptable(definition):
            return None
        record = self._records[definition.id]
        known = identity.from_json(record["identity"])
        assert known is not None
        record["adopted"] = True
        offset = record.get("log_offset")
        return run.adopt(known, record["mark"], offset if isinstance(offset, int) else 0)

    def generation(self, name: str) -> int:
        """The incarnation that a record speaks of."""
        return int(self._records[name]["mark"].rpartition(":")[2])

    def started_at(self, name: str) -> float | None:
        """When a recorded run began."""
        began = self._records[name].get("started_at")
        return began if isinstance(began, float) else None

    async def reap(self, name: str) -> None:
        """End what is left of one node's earlier runs, before it is started anew."""
        record = self._records.get(name)
        if record is None or record.get("adopted"):
            return
        known = identity.from_json(record["identity"])
        if known is not None:
            await run.end(run.adopt(known, record["mark"], 0), "SIGTERM", GRACE_S)
        self._records.pop(name, None)

    async def reap_unknown(self, kept: set[str]) -> int:
        """End every process with our mark that no adoptable run accounts for; returns how many there were.

        kept: the node ids whose recorded runs may still be adopted.
        """
        self.is_settled, self.are_gone = True, False
        spared: set[int] = set()
        for name in kept & set(self._records):
            known = identity.from_json(self._records[name]["identity"])
            if known is not None:
                spared |= tree.members(known.pid, self._records[name]["mark"], started=known.started)
        for name in set(self._records) - kept:
            await self.reap(name)
        doomed = set(tree.marked(f"{self.token}:")) - spared - {os.getpid()}
        self.are_gone = not doomed
        if not doomed:
            return 0
        for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            await run.wait_for_exits(doomed, patience)
            alive = {pid for pid in doomed if identity.of(pid) is not None}
            if not alive:
                self.are_gone = True
                break
        await asyncio.sleep(0)
        return len(doomed)
