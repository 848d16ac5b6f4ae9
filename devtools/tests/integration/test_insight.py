"""`timeline`, `doctor` and `trigger` on real workspaces."""

from __future__ import annotations

import json
import os
import signal

from devtools_waiting import is_alive, until

FILE = """
services:
  db: {name: D, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600, ready: "true"}}
  api: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}
  extra: {name: E, triggeredBy: [manual], commands: {start: exec sleep 600}}
tasks:
  migrate: {name: M, command: "true"}
  warm: {name: W, triggeredBy: [prebuild], command: "echo warm >> warmed", prebuildRequiresSuccess: true}
  pale: {name: P, triggeredBy: [prebuild], command: exit 4}
  sick: {name: S, triggeredBy: [beforeSnapshot], command: exit 3}
"""
OVERLAY = "services: {api: {dependsOn: {migrate: completed}}}\ntasks: {migrate: {dependsOn: {db: ready}}}\n"


def test_the_timeline_shows_the_chain_and_holds_a_budget_also_after_down(folder):
    folder.write(FILE, OVERLAY)
    nothing = folder.run("timeline")
    assert nothing.returncode == 1
    assert "no start is known" in nothing.stderr
    folder.up()
    folder.down()
    shown = json.loads(folder.run("timeline", "--json", "--budget", "3600").stdout)
    assert shown["critical_path"] == ["db", "migrate", "api"]
    assert shown["within_budget"] is True
    assert [node["id"] for node in shown["nodes"]] == ["db", "migrate", "api"]
    over = folder.run("timeline", "--budget", "0.000001")
    assert over.returncode == 1
    assert "db → migrate → api" in over.stderr
    assert folder.run("timeline", "--budget", "0").returncode == 2


def test_a_trigger_starts_what_it_names_and_nothing_else(folder):
    folder.write(FILE)
    assert folder.run("trigger", "prebuild", "--dry-run").stdout == "warm\npale\n"
    assert folder.run("trigger", "prebuild").returncode == 0
    built = folder.run("automations", "trigger", "prebuild")
    assert (built.returncode, "pale failed: exited 4; the prebuild goes on" in built.stderr) == (0, True)
    assert (folder.root / "warmed").read_text() == "warm\nwarm\n"
    assert {name for name, node in folder.status().items() if node["phase"] == "running"} == set()
    failed = folder.run("trigger", "beforeSnapshot")
    assert (failed.returncode, "sick failed" in failed.stderr) == (1, True)
    wrong = folder.run("trigger", "postEnvironmentstart")
    assert (wrong.returncode, "did you mean `postEnvironmentStart`?" in wrong.stderr) == (2, True)


def test_doctor_is_content_with_a_healthy_workspace(folder):
    folder.write(FILE)
    for _ in range(2):
        done = folder.run("doctor", "--json")
        assert done.returncode == 0, done.stdout
        assert json.loads(done.stdout)["ok"] is True
        folder.up()


def test_doctor_finds_what_a_killed_supervisor_left_and_ends_it_on_request(folder):
    folder.write(FILE)
    folder.up()
    supervisor = folder.supervisor
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not is_alive(supervisor), "the supervisor is gone", 60)
    done = folder.run("doctor")
    assert done.returncode == 1
    assert "services run without a supervisor" in done.stdout
    assert folder.processes(), "without --fix nothing is touched"
    assert folder.run("doctor", "--fix", timeout_s=150).returncode == 0
    assert folder.processes() == {}
    assert folder.run("doctor").returncode == 0


def test_doctor_puts_broken_state_aside_and_tells_of_bad_files(folder):
    folder.write(FILE)
    folder.state.mkdir()
    (folder.state / "state.json").write_text("{broken")
    assert "is not readable JSON" in folder.run("doctor").stdout
    assert folder.run("doctor", "--fix").returncode == 0
    assert (folder.state / "state.json.broken").read_text() == "{broken"
    folder.write("services: {a: {command: x}}\n")
    bad = folder.run("doctor")
    assert (bad.returncode, "automations validate" in bad.stdout, "Traceback" in bad.stderr) == (
        1,
        True,
        False,
    )
