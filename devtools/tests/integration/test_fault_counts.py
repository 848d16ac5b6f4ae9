"""Faults again and again: a few seeded turns in every run of the tests, the full counts behind `long`."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time

import pytest
from devtools_waiting import is_alive, until

PATIENCE_S = 60
SLOW = (
    "services:\n  a:\n    name: A\n    triggeredBy: [postEnvironmentStart]\n    commands:\n"
    "      start: echo begun >> begun; sleep 0.2; touch ok; exec sleep 600\n      ready: test -f ok\n"
)


def few_or(many: int, few: int = 2) -> list:
    """The short count, and the long one behind its mark."""
    return [few, pytest.param(many, marks=pytest.mark.long)]


def is_alone(folder) -> bool:
    """True where exactly one process is the service, and the supervisor knows it as that."""
    node = folder.node("a")
    services = [pid for pid, command in folder.processes().items() if command.strip() == "sleep 600"]
    return node["phase"] == "running" and services == [node["pid"]]


def until_it_moves(folder, command) -> None:
    """Wait until the service has left its rest, or the command that is to move it has ended."""
    until(lambda: not folder.node("a")["ready"] or command.poll() is not None, "it moves", PATIENCE_S)


def kill_supervisor(folder, pid: int, command) -> None:
    """SIGKILL it while `command` is at work; the command says so in a line, and the next `up` mends it."""
    with contextlib.suppress(ProcessLookupError):  # `down` was quicker
        os.kill(pid, signal.SIGKILL)
    said = command.communicate(timeout=PATIENCE_S)[1]
    assert command.returncode in (0, 1)
    assert "Traceback" not in said
    assert "fault of devtools" not in said
    until(lambda: not is_alive(pid), "the supervisor is gone", PATIENCE_S)
    folder.up()
    until(lambda: is_alone(folder), "one service runs", PATIENCE_S)


@pytest.mark.parametrize("times", few_or(200))
def test_restarts_while_starting_leave_one_service(folder, times):
    folder.write(SLOW)
    folder.up()
    for _ in range(times):
        (folder.root / "ok").unlink(missing_ok=True)
        first = folder.begin("restart", "a")
        until_it_moves(folder, first)
        assert folder.run("restart", "a").returncode == 0
        assert first.wait(PATIENCE_S) in (0, 1)
        until(lambda: is_alone(folder), "one service runs", PATIENCE_S)
    folder.down()


@pytest.mark.parametrize("times", few_or(100))
def test_two_ups_at_once_start_everything_once(folder, times):
    folder.write(SLOW)
    for _ in range(times):
        for name in ("begun", "ok"):
            (folder.root / name).unlink(missing_ok=True)
        ups = [folder.begin("up", "--no-validate") for _ in range(2)]
        codes = sorted(up.wait(PATIENCE_S) for up in ups)
        assert codes in ([0, 0], [0, 3])
        assert (folder.root / "begun").read_text() == "begun\n"
        folder.down()


@pytest.mark.parametrize("times", few_or(50))
@pytest.mark.parametrize("command", ["restart a", "down"])
def test_a_supervisor_killed_while_it_changes_something_leaves_what_up_can_mend(folder, command, times):
    folder.write(SLOW.replace("sleep 0.2", "sleep 0.1"))
    moments = random.Random(5)
    folder.up()
    for _ in range(times):
        (folder.root / "ok").unlink(missing_ok=True)
        pid = folder.supervisor
        changing = folder.begin(*command.split())
        until_it_moves(folder, changing)
        time.sleep(moments.random() * 0.2)  # not waited for anything: the moment is what is tried out
        kill_supervisor(folder, pid, changing)
    folder.down()


@pytest.mark.parametrize("times", few_or(50))
def test_a_supervisor_killed_at_any_moment_leaves_nothing_that_up_and_down_cannot_mend(folder, times):
    folder.write(SLOW)
    moments = random.Random(4)
    for _ in range(times):
        (folder.root / "ok").unlink(missing_ok=True)
        up = folder.begin("up", "--no-validate")
        until((folder.state / "supervisor.json").exists, "the supervisor is there", PATIENCE_S)
        pid = folder.supervisor
        time.sleep(moments.random() * 0.6)  # not waited for anything: the moment is what is tried out
        kill_supervisor(folder, pid, up)
        folder.down()


@pytest.mark.parametrize("times", few_or(50))
def test_a_forged_state_file_harms_no_stranger_and_stops_no_start(folder, times):
    folder.write(SLOW)
    folder.up()
    folder.down()
    forger = random.Random(7)
    path = folder.state / "state.json"
    token = json.loads(path.read_text())["token"]
    values = [None, 1, -1, "x", [], {}, True, 2**70, os.getpid(), f"{token}:a:1", f"{token}:a:x"]
    for _ in range(times):
        known = {key: forger.choice(values) for key in ("pid", "started", "boot")}
        run = {"identity": forger.choice([known, *values]), "mark": forger.choice(values)}
        run |= {"fingerprint": forger.choice(values), "log_offset": forger.choice(values)}
        runs = forger.choice([{"a": run}, {"a": run, "b": run}, *values])
        path.write_text(json.dumps({"token": token, "runs": runs, "nodes": forger.choice(values)}))
        if forger.random() < 0.5:  # a down that finds no supervisor reads it as well
            folder.down()
            continue
        folder.up()
        until(lambda: is_alone(folder), "one service runs", PATIENCE_S)
        folder.down()


def test_a_full_disk_costs_the_record_and_not_the_service(folder):
    folder.write(SLOW)
    folder.up()
    path = folder.state / "state.json"
    before = path.read_bytes()
    # What the supervisor writes aside first goes to a device that is always full.
    (folder.state / f".state.json.{folder.supervisor}").symlink_to("/dev/full")
    assert folder.run("restart", "a").returncode == 0
    assert folder.node("a")["phase"] == "running"
    log = folder.state / "logs" / "supervisor.log"
    until(lambda: "the state cannot be written" in log.read_text(), "it complains", PATIENCE_S)
    folder.down()
    assert path.read_bytes() != before
    assert "Traceback" not in log.read_text()
