"""Which runs of a state file still live and are provably this instance's.

It must believe no file: a forged or stale record may name a stranger's pid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from devtools import identity
from devtools.supervisor import tree

if TYPE_CHECKING:
    from pathlib import Path


def living(token: str, recorded: object, logs: Path) -> dict[str, dict[str, Any]]:
    """The records of leaders that live, by node."""
    found: dict[str, dict[str, Any]] = {}
    runs = cast("dict[str, Any]", recorded) if isinstance(recorded, dict) else {}
    for name, item in runs.items():
        record = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        known = identity.from_json(record.get("identity"))
        mark = record.get("mark")
        if (
            known is not None
            and isinstance(mark, str)
            and mark.startswith(f"{token}:{name}:")
            and mark.rpartition(":")[2].isdecimal()
            and identity.is_alive(known)
            and tree.is_leader_of(known.pid, mark, logs / f"{name}.log")
        ):
            found[name] = record
    return found
