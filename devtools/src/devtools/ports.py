"""Which number each named port has: the default where it is free, else the next of the workspace's own block.

It must say every departure from a default, and keep its choices so that later calls agree.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from devtools.errors import DevtoolsError
from devtools.statefile import read_json, write_json
from devtools.supervisor import launch, listeners, tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.workspace import Workspace

PORTS_FILE = "ports.json"
LEASE_FILE = "instance.json"
BLOCK_SIZE = 50
_FIRST, _BLOCKS = 20_000, 240  # below the ephemeral range of Linux, which begins at 32768


class Choice(NamedTuple):
    """Ports by name, and a sentence for each that is not its default."""

    ports: dict[str, int]
    notes: list[str]


def blocks(seed: int) -> list[int]:
    """The first port of every block, from the one that `seed` means on."""
    return [_FIRST + (seed + step) % _BLOCKS * BLOCK_SIZE for step in range(_BLOCKS)]


def is_block(first: int) -> bool:
    """True where a block begins at this port."""
    return first in range(_FIRST, _FIRST + _BLOCKS * BLOCK_SIZE, BLOCK_SIZE)


def lease(workspace: Workspace) -> int | None:
    """The first port of the block that was leased to this workspace as an instance of another; else None."""
    first = read_json(workspace.state_dir / LEASE_FILE).get("first_port")
    return first if isinstance(first, int) and is_block(first) else None


def block(workspace: Workspace) -> range:
    """The ports of this workspace's own block: always the same for the same state folder."""
    leased = lease(workspace)
    if leased is not None:
        return range(leased, leased + BLOCK_SIZE)
    import hashlib  # with OpenSSL behind it: only where a block is needed

    digest = hashlib.sha256(os.fsencode(workspace.state_dir)).digest()
    first = _FIRST + int.from_bytes(digest[:4], "big") % _BLOCKS * BLOCK_SIZE
    return range(first, first + BLOCK_SIZE)


def kept(workspace: Workspace, defaults: Mapping[str, int]) -> dict[str, int]:
    """What earlier calls chose, defaults for the rest; nothing is probed or written."""
    known = read_json(workspace.state_dir / PORTS_FILE)
    found = dict(defaults)
    for name, default in defaults.items():
        match known.get(name):
            case {"default": before, "port": int(port)} if before == default:
                found[name] = port
            case _:
                pass  # not chosen yet, or the default has changed since
    return found


def choose(
    workspace: Workspace,
    defaults: Mapping[str, int],
    unused: frozenset[str] = frozenset(),
    *,
    anew: bool = False,
) -> Choice:
    """Settle every named port and keep the choice. Of a port in `unused` nobody of ours will listen.

    anew: also where a supervisor is there, since nothing runs below it yet.

    Raises DevtoolsError where the whole block is taken.
    """
    known = kept(workspace, defaults)
    if not anew and launch.holder(workspace.state_dir) is not None and set(known) == set(defaults):
        recorded = read_json(workspace.state_dir / PORTS_FILE)
        if set(recorded) >= set(defaults):
            return Choice(known, [])
    token = str(read_json(workspace.state_dir / "state.json").get("token", "")) or None
    is_instance = lease(workspace) is not None
    chosen: dict[str, int] = {}
    notes: list[str] = []
    for name, default in defaults.items():
        if name in unused:
            chosen[name] = default
            continue
        taken = set(chosen.values())
        if (
            not is_instance
            and default not in taken
            and (listeners.is_free(default) or _is_ours(default, token))
        ):
            chosen[name] = default
            continue
        port = known[name]
        if port == default or port in taken or not (listeners.is_free(port) or _is_ours(port, token)):
            port = _next_free(workspace, taken)
        chosen[name] = port
        if is_instance:
            continue  # the defaults are its home's
        owner = f"port {name}" if default in taken else listeners.describe_owner(default)
        notes.append(f"port {default} ({name}) is taken by {owner}; {name} uses {port}")
    write_json(
        workspace.state_dir / PORTS_FILE,
        {name: {"default": defaults[name], "port": port} for name, port in chosen.items()},
    )
    return Choice(chosen, notes)


def _next_free(workspace: Workspace, taken: set[int]) -> int:
    own = block(workspace)
    for port in own:
        if port not in taken and listeners.is_free(port):
            return port
    raise DevtoolsError(
        f"every port of this workspace's block ({own.start} to {own.stop - 1}) is taken",
        hint=f"the first of them by {listeners.describe_owner(own.start)}",
    )


def _is_ours(port: int, token: str | None) -> bool:
    """True where a process of this instance (left by an earlier supervisor) listens there."""
    pid = listeners.owner(port) if token else None
    mark = tree.mark_of(pid) if pid else None
    return bool(mark and token and mark.startswith(f"{token}:"))
