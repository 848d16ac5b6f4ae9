"""Ctrl-C, SIGTERM and a lost terminal at every moment, with real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest
from devtools_files import service
from devtools_waiting import until

PATIENCE_S = 60

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
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_S) == 130
    assert folder.processes() == {}
    nodes = json.loads((folder.state / "state.json").read_text())["nodes"]
    assert nodes["a"]["reason"] == "killed at once, on request"  # not at the end of its grace


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
