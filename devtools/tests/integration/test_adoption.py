"""Who holds a workspace: two commands at once, supervisors that die, forged records, a deleted state."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from devtools_files import service
from devtools_waiting import is_alive, until

from devtools import identity, statefile

PATIENCE_S = 60


def test_two_ups_at_once_one_wins_and_the_other_names_the_holder(folder):
    folder.write(service("exec sleep 600", "test -f ok"))
    first = folder.begin("up", "--no-validate")
    until((folder.state / "up.json").exists, "the first up holds the lock", PATIENCE_S)
    second = folder.run("up", "--no-validate")
    assert second.returncode == 3
    assert f"pid {first.pid}" in second.stderr
    assert "hint:" in second.stderr
    (folder.root / "ok").touch()
    assert first.wait(PATIENCE_S) == 0


def test_many_ups_at_once_never_start_anything_twice(folder):
    folder.write(service("echo begun >> begun; sleep 0.3; touch ok; exec sleep 600", "test -f ok"))
    ups = [folder.begin("up", "--no-validate") for _ in range(6)]
    codes = [up.wait(PATIENCE_S) for up in ups]
    assert set(codes) <= {0, 3}
    assert 0 in codes
    assert (folder.root / "begun").read_text() == "begun\n"


def test_after_a_killed_supervisor_up_adopts_what_still_runs(folder):
    folder.write(service("exec sleep 600"))
    folder.up()
    before = folder.status()["a"]["pid"]
    os.kill(folder.supervisor, signal.SIGKILL)
    done = folder.up()
    assert "adopts" in done.stderr
    assert folder.status()["a"]["pid"] == before
    folder.down()
    assert not is_alive(before)


def test_after_a_killed_supervisor_a_changed_service_is_replaced(folder):
    folder.write(service("exec sleep 600"))
    folder.up()
    before = folder.status()["a"]["pid"]
    os.kill(folder.supervisor, signal.SIGKILL)
    folder.write(service("exec sleep 601"))
    folder.up()
    assert folder.status()["a"]["pid"] != before
    assert not is_alive(before)


def test_after_a_killed_supervisor_down_ends_what_was_left(folder):
    folder.write(service("sleep 600 & setsid sleep 600 & exec sleep 600"))
    folder.up()

    def sleepers() -> int:
        return sum(command.strip() == "sleep 600" for command in folder.processes().values())

    until(lambda: sleepers() == 3, "all three run", PATIENCE_S)
    os.kill(folder.supervisor, signal.SIGKILL)
    until(lambda: folder.supervisor not in folder.processes(), "the supervisor is gone", PATIENCE_S)
    assert sleepers() == len(folder.processes()) == 3
    folder.down()


def test_a_supervisor_killed_while_starting_leaves_nothing_that_up_cannot_mend(folder):
    folder.write(service("exec sleep 600", "test -f ok"))
    up = folder.begin("up", "--no-validate")
    until(lambda: folder.node("a")["probe"], "the service is asked whether it is ready", PATIENCE_S)
    os.kill(folder.supervisor, signal.SIGKILL)
    assert up.wait(PATIENCE_S) == 1
    assert "Traceback" not in up.communicate()[1]
    (folder.root / "ok").touch()
    folder.up()
    assert folder.node("a")["phase"] == "running"
    folder.down()


def test_a_clean_down_spares_the_next_start_a_search_and_a_kill_right_after_it_does_not(folder):
    folder.write(service("sleep 600 & exec sleep 600"))
    folder.up()
    folder.down()
    assert statefile.read_json(folder.state / "state.json")["nothing_left"] is True
    folder.write(service("sleep 601 & exec sleep 601"))
    folder.up()
    assert "nothing_left" not in statefile.read_json(folder.state / "state.json")
    os.kill(folder.supervisor, signal.SIGKILL)
    # The kill came before the supervisor had written what it started.
    state = statefile.read_json(folder.state / "state.json")
    statefile.write_json(folder.state / "state.json", {**state, "runs": {}})
    folder.up()
    commands = [command for command in folder.processes().values() if command.strip() == "sleep 601"]
    assert len(commands) == 2, "the run that no record names was ended, and a new one is there"


def test_a_forged_state_file_harms_no_stranger(folder):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        folder.write(service("exec sleep 600"))
        folder.up()
        folder.down()
        state = statefile.read_json(folder.state / "state.json")
        known = identity.of(stranger.pid)
        assert known is not None
        state["runs"] = {
            "a": {"identity": known.to_json(), "mark": f"{state['token']}:a:1", "fingerprint": "x"}
        }
        statefile.write_json(folder.state / "state.json", state)
        folder.up()
        folder.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_supervisor_keeps_nothing_open_that_its_command_was_given(folder):
    folder.write(service("exec sleep 600"))
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "devtools", "up", "--no-validate"],
            cwd=folder.root,
            env=folder.environment,
            pass_fds=(writing,),
            capture_output=True,
            timeout=PATIENCE_S,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0, done.stderr
    assert is_alive(folder.supervisor)
    os.set_blocking(reading, False)
    assert os.read(reading, 1) == b""  # the end of the pipe: nobody holds its other side
    os.close(reading)


CLEARED = "exec env -i sleep 600"


def test_after_a_killed_supervisor_a_service_without_environment_is_adopted(folder):
    folder.write(service(CLEARED))
    folder.up()
    before = folder.node("a")["pid"]
    until(lambda: not environment_of(before), "it has cleared its environment", PATIENCE_S)
    kill_supervisor_once_it_has_noted(folder, before)
    done = folder.up()
    assert "adopts" in done.stderr
    assert folder.node("a")["pid"] == before
    folder.down()
    assert not is_alive(before)


def test_after_a_killed_supervisor_a_changed_service_without_environment_is_replaced(folder):
    folder.write(service(CLEARED))
    folder.up()
    before = folder.node("a")["pid"]
    until(lambda: not environment_of(before), "it has cleared its environment", PATIENCE_S)
    kill_supervisor_once_it_has_noted(folder, before)
    folder.write(service("exec sleep 601"))
    folder.up()
    assert folder.node("a")["pid"] != before
    assert not is_alive(before)


def test_after_a_killed_supervisor_down_ends_a_service_without_environment(folder):
    folder.write(service(CLEARED))
    folder.up()
    before = folder.node("a")["pid"]
    until(lambda: not environment_of(before), "it has cleared its environment", PATIENCE_S)
    kill_supervisor_once_it_has_noted(folder, before)
    folder.down()
    assert not is_alive(before)


def test_a_forged_record_of_a_stranger_without_environment_is_not_believed(folder):
    stranger = subprocess.Popen(["sleep", "600"], env={}, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        folder.write(service("exec sleep 600"))
        folder.up()
        folder.down()
        state = statefile.read_json(folder.state / "state.json")
        known = identity.of(stranger.pid)
        assert known is not None
        state["runs"] = {
            "a": {"identity": known.to_json(), "mark": f"{state['token']}:a:1", "fingerprint": "x"}
        }
        statefile.write_json(folder.state / "state.json", state)
        assert "nothing is running" in folder.run("down").stderr
        folder.up()
        folder.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def environment_of(pid: int) -> bytes:
    """What a process was started with."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def kill_supervisor_once_it_has_noted(folder, pid: int) -> None:
    """SIGKILL it when its state file names the run: a younger one cannot be known without a mark."""

    def noted() -> bool:
        runs = statefile.read_json(folder.state / "state.json").get("runs", {})
        return bool(runs) and runs["a"]["identity"]["pid"] == pid

    until(noted, "the run is recorded", PATIENCE_S)
    supervisor = folder.supervisor
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not is_alive(supervisor), "the supervisor is gone", PATIENCE_S)


ORDERED = """\
services:
  below:
    name: B
    triggeredBy: [postEnvironmentStart]
    commands:
      start: &s "trap 'echo $NAME >> order; exit' TERM; echo x >> up; while :; do sleep 600 & wait; done"
  above: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: *s}}
"""
ORDER = """\
services:
  below: {env: {NAME: below}}
  above: {env: {NAME: above}, dependsOn: {below: started}}
"""


@pytest.mark.parametrize("away", ["deleted", "moved"])
def test_a_supervisor_whose_state_goes_stops_its_services_in_order_and_ends(folder, away):
    folder.write(ORDERED, ORDER)
    folder.up()
    until(lambda: (folder.root / "up").read_text() == "x\nx\n", "both have begun", PATIENCE_S)
    supervisor = folder.supervisor
    if away == "deleted":
        delete(folder.state)
    else:
        folder.state.rename(folder.root / "elsewhere")
    until(lambda: not is_alive(supervisor), "the supervisor has ended", PATIENCE_S)
    assert folder.processes() == {}
    assert (folder.root / "order").read_text() == "above\nbelow\n"
    assert not folder.state.exists()


def test_a_supervisor_whose_state_was_replaced_leaves_the_new_one_alone(folder):
    folder.write(service("exec sleep 600"))
    folder.up()
    supervisor = folder.supervisor
    folder.state.rename(folder.root / "elsewhere")
    folder.up()
    until(lambda: not is_alive(supervisor), "the first supervisor has ended", PATIENCE_S)
    assert folder.node("a")["phase"] == "running"
    folder.down()


def delete(state: Path) -> None:
    """As `rm -rf` does it, again where a log or a record came back meanwhile."""

    def gone() -> bool:
        shutil.rmtree(state, ignore_errors=True)
        return not state.exists()

    until(gone, "the state is deleted", PATIENCE_S)
