"""What goes wrong in a service or its files, each fault with real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

from devtools_files import service
from devtools_waiting import is_alive, until

PATIENCE_S = 60


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


def _number(path) -> int:
    """The number in a file; 0 while it is not written."""
    return int(path.read_text().strip() or 0) if path.exists() else 0


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
