"""What goes wrong in a workspace, each fault with real processes (issue 2, bad input and faults)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from devtools_waiting import is_alive, until

PATIENCE_S = 60
SERVICE = (
    "services:\n  a:\n    name: A\n    triggeredBy: [postEnvironmentStart]\n    commands:\n      start: |\n"
)


def service(start: str, ready: str | None = None) -> str:
    """An automations file with the one service `a`."""
    indented = "".join(f"        {line}\n" for line in start.splitlines())
    return SERVICE + indented + (f"      ready: {ready}\n" if ready else "")


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


# When the interruption comes: what of the workspace is there by then.
MOMENTS = {
    "up holds its lock": lambda folder: (folder.state / "up.json").exists(),
    "the supervisor serves": lambda folder: (folder.state / "supervisor.json").exists(),
    "a is started": lambda folder: folder.node("a")["pid"] is not None,
    "a is probed and b waits": lambda folder: folder.node("a")["probe"] and folder.node("b")["reason"],
    "a is ready and b is probed": lambda folder: (
        (folder.root / "a.ok").touch() or (folder.node("a")["ready"] and folder.node("b")["probe"])
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_an_interrupted_up_leaves_nothing_at_any_moment(folder, moment, number):
    folder.write(
        "services:\n"
        "  a: {name: A, commands: {start: exec sleep 600, ready: test -f a.ok}}\n"
        "  b: {name: B, triggeredBy: [postEnvironmentStart], commands:"
        " {start: exec sleep 600, ready: 'false'}}\n",
        "services: {b: {dependsOn: {a: ready}}}\n",
    )
    up = folder.begin("up", "--no-validate")
    until(lambda: MOMENTS[moment](folder), moment, PATIENCE_S)
    up.send_signal(number)
    assert up.wait(PATIENCE_S) == 130
    assert "Traceback" not in up.communicate()[1]
    assert folder.processes() == {}


STUBBORN = "trap '' TERM INT\ntouch begun\nwhile true; do sleep 0.1; done"


@pytest.mark.parametrize(
    ("overlay", "grace_s"),
    [
        ("services: {a: {stop: {grace: 300ms}}}\n", 0.3),
        # The format's two minutes: an interruption cuts them to eight seconds.
        pytest.param("services: {}\n", 8.0, marks=pytest.mark.long),
    ],
)
def test_an_interrupted_up_kills_a_stubborn_service_after_its_grace(folder, overlay, grace_s):
    folder.write(service(STUBBORN, "'false'"), overlay)
    up = folder.begin("up", "--no-validate")
    until((folder.root / "begun").exists, "the service has begun", PATIENCE_S)
    began = time.monotonic()
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_S) == 130
    assert grace_s <= time.monotonic() - began < 60  # the format's own grace would be two minutes
    assert folder.processes() == {}


def test_a_second_interrupt_kills_at_once(folder):
    folder.write(service(STUBBORN, "'false'"))
    up = folder.begin("up", "--no-validate")
    until((folder.root / "begun").exists, "the service has begun", PATIENCE_S)
    up.send_signal(signal.SIGINT)
    until(lambda: folder.node("a")["phase"] == "stopping", "it is asked to stop", PATIENCE_S)
    began = time.monotonic()
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_S) == 130
    assert time.monotonic() - began < 7  # its grace would be eight seconds
    assert folder.processes() == {}


def test_an_interrupted_down_kills_at_once(folder):
    folder.write(service(STUBBORN))
    folder.up()
    until((folder.root / "begun").exists, "the service has begun", PATIENCE_S)
    down = folder.begin("down")
    until(lambda: folder.node("a")["phase"] == "stopping", "it is asked to stop", PATIENCE_S)
    down.send_signal(signal.SIGINT)
    assert down.wait(PATIENCE_S) == 130  # its grace would be two minutes
    assert folder.processes() == {}


def test_an_interrupted_task_start_stops_the_task(folder):
    folder.write("tasks: {t: {name: T, command: touch begun; exec sleep 600}}\n")
    start = folder.begin("task", "start", "t")
    until((folder.root / "begun").exists, "the task has begun", PATIENCE_S)
    start.send_signal(signal.SIGINT)
    assert start.wait(PATIENCE_S) == 130
    assert folder.node("t")["phase"] == "stopped"
    assert "Traceback" not in start.communicate()[1]


def test_an_interrupted_restart_leaves_the_supervisor_at_work(folder):
    folder.write(service("test -f again && touch waits; touch again; exec sleep 600", "test ! -f waits"))
    folder.up()
    restart = folder.begin("restart", "a")
    until((folder.root / "waits").exists, "it starts again", PATIENCE_S)
    restart.send_signal(signal.SIGINT)
    assert restart.wait(PATIENCE_S) == 130
    assert "Traceback" not in restart.communicate()[1]
    (folder.root / "waits").unlink()
    until(lambda: folder.node("a")["ready"], "it is ready all the same", PATIENCE_S)


def test_an_interrupted_second_up_stops_only_what_it_started(folder):
    folder.write(
        "services:\n"
        "  a: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}\n"
        "  b: {name: B, commands: {start: exec sleep 600, ready: 'false'}}\n"
    )
    folder.up()
    up = folder.begin("up", "--no-validate", "--only", "b")
    until(lambda: folder.node("b")["phase"] == "starting", "b starts", PATIENCE_S)
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_S) == 130
    nodes = folder.status()
    assert (nodes["a"]["phase"], nodes["b"]["phase"]) == ("running", "stopped")


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


def test_a_forged_state_file_harms_no_stranger(folder):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        folder.write(service("exec sleep 600"))
        folder.up()
        folder.down()
        from devtools import identity, statefile

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


def test_a_service_that_ignores_sigterm_is_killed_after_its_grace(folder):
    folder.write(
        service("trap '' TERM; touch begun\nwhile true; do sleep 0.1; done"),
        "services: {a: {stop: {grace: 500ms}}}\n",
    )
    folder.up()
    until((folder.root / "begun").exists, "it has begun", PATIENCE_S)
    began = time.monotonic()
    folder.down()
    assert 0.5 <= time.monotonic() - began < 60  # the format's own grace would be two minutes


def test_children_of_a_leader_that_exits_are_ended(folder):
    folder.write(service("sleep 600 &\necho $! > child\nsleep 0.2"))
    folder.up()
    until(lambda: folder.node("a")["phase"] == "stopped", "the service has stopped", PATIENCE_S)
    child = int((folder.root / "child").read_text())
    assert not is_alive(child)


def test_a_setsid_escapee_is_ended_with_its_service(folder):
    folder.write(service("setsid sh -c 'echo $$ > child; exec sleep 600' &\nexec sleep 600"))
    folder.up()
    child = until(lambda: _number(folder.root / "child"), "the escapee runs", PATIENCE_S)
    assert is_alive(child)
    folder.run("service", "stop", "a")
    assert not is_alive(child)


def test_an_escapee_of_a_dead_parent_is_ended_with_its_service(folder):
    folder.write(service("(setsid sh -c 'echo $$ > child; exec sleep 600' &) \nsleep 0.2\nexec sleep 600"))
    folder.up()
    child = until(lambda: _number(folder.root / "child"), "it runs", PATIENCE_S)
    folder.down()
    assert not is_alive(child)


def test_a_start_that_exits_0_before_it_is_ready_is_a_warning(folder):
    folder.write(service("echo done", "'false'"))
    done = folder.up()
    assert "a is not running: exited 0 before it was ready" in done.stderr


def test_a_start_that_exits_0_fails_who_depends_on_it(folder):
    folder.write(
        "services:\n"
        "  a: {name: A, commands: {start: exit 0, ready: 'false'}}\n"
        "  b: {name: B, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}\n",
        "services: {b: {dependsOn: {a: ready}}}\n",
    )
    done = folder.up(status=1)
    assert "b failed: dependency a stopped: exited 0 before it was ready" in done.stderr


def test_a_start_that_fails_at_once_fails_its_dependents_at_once_and_shows_its_log(folder):
    folder.write(
        "services:\n"
        "  a: {name: A, commands: {start: 'echo no such luck; exit 4', ready: 'false'}}\n"
        "  b: {name: B, commands: {start: exec sleep 600}}\n"
        "  c: {name: C, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}\n",
        "services: {b: {dependsOn: {a: ready}}, c: {dependsOn: {b: ready}}}\n",
    )
    done = folder.up(status=1)  # c's own deadline would be five minutes, more than `run` waits
    assert "a failed: exited 4 before it was ready" in done.stderr
    assert "c failed: dependency b failed: dependency a failed" in done.stderr
    assert "no such luck" in done.stderr
    why = folder.run("why", "c").stdout
    assert why.splitlines()[0] == "c ← b ← a"


def test_a_crash_loop_is_given_up_after_its_cap(folder):
    folder.write(
        service("echo try >> tries; exit 3", "'false'"),
        "services: {a: {restart: {policy: on-failure, backoff: 50ms, max: 3}}}\n",
    )
    done = folder.up(status=1)
    assert "gave up after 3 restarts" in done.stderr
    assert (folder.root / "tries").read_text() == "try\n" * 4
    assert folder.status()["a"]["restarts"] == 3


def test_a_failing_triggered_task_fails_up(folder):
    folder.write("tasks: {t: {name: T, command: exit 9, triggeredBy: [postEnvironmentStart]}}\n")
    done = folder.up(status=1)
    assert "t failed: exited 9" in done.stderr


def test_a_stranger_that_answers_the_probe_is_not_taken_for_the_service(folder, free_port):
    stranger = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(free_port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(free_port), "the stranger listens")
        folder.write(
            service("exec sleep 600"),
            f"services: {{a: {{ready: {{http: {{port: {free_port}}}, timeout: 1s}}}}}}\n",
        )
        done = folder.up(status=1)
        assert f"pid {stranger.pid}" in done.stderr
        assert "not this service" in done.stderr
    finally:
        stranger.kill()
        stranger.wait()


def test_a_probe_that_hangs_ends_with_its_deadline(folder):
    folder.write(
        service("exec sleep 600", "sleep 600"), "services: {a: {ready: {exec: sleep 600, timeout: 1s}}}\n"
    )
    done = folder.up(status=1)  # the probe itself would take ten minutes
    assert "was not ready within 1 s" in done.stderr
    assert all("sleep 600" not in command for command in folder.processes().values())


def test_a_broken_file_is_told_with_its_place_and_a_suggestion(folder):
    folder.write("services:\n  api:\n    name: API\n    commands:\n      strat: x\n")
    done = folder.run("up")
    assert done.returncode == 2
    assert "automations.yaml:5:7" in done.stderr
    assert "did you mean `start`?" in done.stderr
    assert folder.processes() == {}


def test_a_cycle_is_named(folder):
    folder.write(
        "services:\n  a: {name: A, commands: {start: x}}\n  b: {name: B, commands: {start: x}}\n",
        "services: {a: {dependsOn: {b: ready}}, b: {dependsOn: {a: ready}}}\n",
    )
    done = folder.run("up")
    assert done.returncode == 2
    assert "a → b → a" in done.stderr


def test_no_automations_file_is_one_clear_line(folder):
    done = folder.run("up")
    assert done.returncode == 2
    assert "no automations file" in done.stderr
    assert "hint:" in done.stderr


def test_stop_while_waiting_for_a_dependency(folder):
    folder.write(
        "services:\n"
        "  a: {name: A, commands: {start: exec sleep 600, ready: 'false'}}\n"
        "  b: {name: B, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}\n",
        "services: {b: {dependsOn: {a: ready}}}\n",
    )
    up = folder.begin("up", "--no-validate")
    until(lambda: folder.node("b")["reason"] == "waits for a", "b waits", PATIENCE_S)
    assert folder.run("service", "stop", "b").returncode == 0
    assert folder.status()["b"]["phase"] == "stopped"
    assert folder.run("service", "stop", "a").returncode == 0
    assert up.wait(PATIENCE_S) in (0, 1)
    folder.down()


def in_foreground(folder) -> subprocess.Popen[str]:
    """`up --foreground`, arrived at the point where it stays."""
    words = folder.root / "words"
    up = folder.begin("up", "--no-validate", "--foreground", words=words)
    until(lambda: "stays in the foreground" in words.read_text(), "it stays", PATIENCE_S)
    return up


def test_foreground_ends_everything_with_itself_even_when_killed(folder):
    folder.write(service("exec sleep 600"))
    in_foreground(folder).kill()
    until(lambda: folder.processes() == {}, "nothing is left", PATIENCE_S)


def test_foreground_ends_with_130_on_ctrl_c(folder):
    folder.write(service("exec sleep 600"))
    up = in_foreground(folder)
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_S) == 130
    assert folder.processes() == {}


def _number(path) -> int:
    """The number in a file; 0 while it is not written."""
    return int(path.read_text().strip() or 0) if path.exists() else 0


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
