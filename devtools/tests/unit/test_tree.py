"""Whose a process is, decided over made-up process tables: groups, sessions, descendants, reused pids."""

from __future__ import annotations

import asyncio
import os
import signal

from devtools.identity import Identity, of
from devtools.supervisor import run, tree
from devtools.supervisor.tree import Process

LEADER, NONE = 4_000_001, "no such mark"


def table(*rows: tuple[int, int, int, int, int]) -> dict[int, Process]:
    """Processes by pid from (pid, parent, group, session, started); no such pid exists on a real machine."""
    return {row[0]: Process(*row, 0, 0) for row in rows}


def test_group_session_and_descendants_belong_to_a_run():
    processes = table(
        (LEADER, 1, LEADER, LEADER, 50),
        (4_000_002, LEADER, LEADER, LEADER, 51),
        (4_000_003, 1, 4_000_003, LEADER, 52),  # a group of its own in our session
        (4_000_004, 4_000_002, 4_000_004, 4_000_004, 53),  # a session of its own below us
        (4_000_005, 4_000_006, 4_000_005, 4_000_005, 54),  # a stranger's
        (4_000_006, 1, 4_000_006, 4_000_006, 10),
    )
    expected = {LEADER, 4_000_002, 4_000_003, 4_000_004}
    assert tree.members(LEADER, NONE, processes) == expected
    assert tree.members(LEADER, NONE, processes, started=50) == expected


def test_a_group_outlives_its_leader():
    processes = table((4_000_002, 1, LEADER, LEADER, 51))
    assert tree.members(LEADER, NONE, processes, started=50) == {4_000_002}


def test_a_stranger_with_a_reused_pid_is_not_of_the_run():
    processes = table((LEADER, 1, LEADER, LEADER, 99), (4_000_002, LEADER, LEADER, LEADER, 100))
    assert tree.members(LEADER, NONE, processes, started=50) == set()


async def test_a_stranger_with_a_reused_pid_hears_no_signal():
    stranger = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
    try:
        known = of(stranger.pid)
        assert known is not None
        earlier = Identity(known.pid, known.started - 1, known.boot)
        old = run.Run(stranger.pid, earlier, NONE, asyncio.get_running_loop().create_future())
        assert old.members() == set()
        run.signal_group(old, signal.SIGKILL)
        assert await run.kill(old)
        assert of(stranger.pid) == known
        assert os.getpgid(stranger.pid) == stranger.pid
    finally:
        stranger.kill()
        await stranger.wait()
