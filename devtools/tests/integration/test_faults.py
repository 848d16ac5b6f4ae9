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

SERVICE = (
    "services:\n  a:\n    name: A\n    triggeredBy: [postEnvironmentStart]\n    commands:\n      start: |\n"
)


def service(start: str, ready: str | None = None) -> str:
    """An automations file with the one service `a`."""
    indented = "".join(f"        {line}\n" for line in start.splitlines())
    return SERVICE + indented + (f"      ready: {ready}\n" if ready else "")


def test_two_ups_at_once_one_wins_and_the_other_names_the_holder(folder):
    folder.write(service("sleep 1; touch ok; exec sleep 600", "test -f ok"))
    first = folder.begin("up", "--no-validate")
    until(lambda: (folder.state / "up.json").exists(), "the first up holds the lock")
    second = folder.run("up", "--no-validate")
    assert second.returncode == 3
    assert f"pid {first.pid}" in second.stderr
    assert "hint:" in second.stderr
    assert first.wait(30) == 0


def test_many_ups_at_once_never_start_anything_twice(folder):
    folder.write(service("echo begun >> begun; sleep 0.3; touch ok; exec sleep 600", "test -f ok"))
    ups = [folder.begin("up", "--no-validate") for _ in range(6)]
    codes = [up.wait(60) for up in ups]
    assert set(codes) <= {0, 3}
    assert 0 in codes
    assert (folder.root / "begun").read_text() == "begun\n"


@pytest.mark.parametrize(
    ("after_s", "number"),
    [
        (0.0, signal.SIGINT),
        (0.05, signal.SIGINT),
        (0.2, signal.SIGTERM),
        (0.5, signal.SIGINT),
        (1.0, signal.SIGHUP),
    ],
)
def test_an_interrupted_up_leaves_nothing_at_any_moment(folder, after_s, number):
    folder.write(
        "services:\n"
        "  a: {name: A, commands: {start: sleep 0.5; touch a.ok; exec sleep 600, ready: test -f a.ok}}\n"
        "  b: {name: B, triggeredBy: [postEnvironmentStart], commands:"
        " {start: exec sleep 600, ready: 'false'}}\n",
        "services: {b: {dependsOn: {a: ready}}}\n",
    )
    up = folder.begin("up", "--no-validate")
    until(lambda: (folder.state / "up.json").exists() or up.poll() is not None, "up is at work")
    time.sleep(after_s)
    began = time.monotonic()
    up.send_signal(number)
    assert up.wait(15) == 130
    assert time.monotonic() - began < 10
    assert folder.processes() == {}


def test_an_interrupted_up_kills_a_stubborn_service_within_ten_seconds(folder):
    folder.write(service("trap '' TERM INT\ntouch begun\nwhile true; do sleep 0.1; done", "'false'"))
    up = folder.begin("up", "--no-validate")
    until(lambda: (folder.root / "begun").exists(), "the service has begun")
    began = time.monotonic()
    up.send_signal(signal.SIGINT)
    assert up.wait(15) == 130
    assert time.monotonic() - began < 10
    assert folder.processes() == {}


def test_a_second_interrupt_kills_at_once(folder):
    folder.write(service("trap '' TERM INT\ntouch begun\nwhile true; do sleep 0.1; done", "'false'"))
    up = folder.begin("up", "--no-validate")
    until(lambda: (folder.root / "begun").exists(), "the service has begun")
    up.send_signal(signal.SIGINT)
    time.sleep(0.5)
    began = time.monotonic()
    up.send_signal(signal.SIGINT)
    assert up.wait(15) == 130
    assert time.monotonic() - began < 3
    assert folder.processes() == {}


def test_an_interrupted_second_up_stops_only_what_it_started(folder):
    folder.write(
        "services:\n"
        "  a: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}\n"
        "  b: {name: B, commands: {start: exec sleep 600, ready: 'false'}}\n"
    )
    folder.up()
    up = folder.begin("up", "--no-validate", "--only", "b")
    until(lambda: folder.status()["b"]["phase"] == "starting", "b starts")
    up.send_signal(signal.SIGINT)
    assert up.wait(15) == 130
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
    os.kill(folder.supervisor, signal.SIGKILL)
    until(lambda: folder.supervisor not in folder.processes(), "the supervisor is gone")
    assert len(folder.processes()) == 3
    folder.down()


def test_a_supervisor_killed_while_starting_leaves_nothing_that_up_cannot_mend(folder):
    folder.write(service("sleep 0.5; touch ok; exec sleep 600", "test -f ok"))
    up = folder.begin("up", "--no-validate")
    until(lambda: (folder.state / "supervisor.json").exists(), "the supervisor is there")
    os.kill(folder.supervisor, signal.SIGKILL)
    assert up.wait(10) == 1
    assert "Traceback" not in up.communicate()[1]
    folder.up()
    assert folder.status()["a"]["phase"] == "running"
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
        service("trap '' TERM\nwhile true; do sleep 0.1; done"), "services: {a: {stop: {grace: 500ms}}}\n"
    )
    folder.up()
    began = time.monotonic()
    folder.down()
    assert 0.5 <= time.monotonic() - began < 5


def test_children_of_a_leader_that_exits_are_ended(folder):
    folder.write(service("sleep 600 &\necho $! > child\nsleep 0.2"))
    folder.up()
    child = int((folder.root / "child").read_text())
    until(lambda: folder.status()["a"]["phase"] == "stopped", "the service has stopped")
    assert not is_alive(child)


def test_a_setsid_escapee_is_ended_with_its_service(folder):
    folder.write(service("setsid sh -c 'echo $$ > child; exec sleep 600' &\nexec sleep 600"))
    folder.up()
    child = int(until(lambda: (folder.root / "child").read_text().strip(), "the escapee runs"))
    assert is_alive(child)
    folder.run("service", "stop", "a")
    assert not is_alive(child)


def test_an_escapee_of_a_dead_parent_is_ended_with_its_service(folder):
    folder.write(service("(setsid sh -c 'echo $$ > child; exec sleep 600' &) \nsleep 0.2\nexec sleep 600"))
    folder.up()
    child = int(
        until(lambda: (folder.root / "child").exists() and (folder.root / "child").read_text(), "it runs")
    )
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
    began = time.monotonic()
    done = folder.up(status=1)
    assert time.monotonic() - began < 5
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
    began = time.monotonic()
    done = folder.up(status=1)
    assert time.monotonic() - began < 8
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
    until(lambda: folder.status()["b"]["reason"] == "waits for a", "b waits")
    assert folder.run("service", "stop", "b").returncode == 0
    assert folder.status()["b"]["phase"] == "stopped"
    assert folder.run("service", "stop", "a").returncode == 0
    assert up.wait(10) in (0, 1)
    folder.down()


def test_foreground_ends_everything_with_itself_even_when_killed(folder):
    folder.write(service("exec sleep 600"))
    up = folder.begin("up", "--no-validate", "--foreground")
    until(lambda: folder.state.exists() and folder.status()["a"]["phase"] == "running", "a runs")
    time.sleep(0.3)
    up.kill()
    until(lambda: folder.processes() == {}, "nothing is left")


def test_foreground_ends_with_130_on_ctrl_c(folder):
    folder.write(service("exec sleep 600"))
    up = folder.begin("up", "--no-validate", "--foreground")
    until(lambda: folder.state.exists() and folder.status()["a"]["phase"] == "running", "a runs")
    time.sleep(0.3)
    up.send_signal(signal.SIGINT)
    assert up.wait(15) == 130
    assert folder.processes() == {}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
