"""When each node was asked for, started, ready and over: in the API and in the state file."""

from __future__ import annotations

import json

FILE = """
services:
  db: {name: D, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600, ready: "true"}}
  api: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}
tasks:
  migrate: {name: M, command: "true"}
  broken: {name: B, command: exit 3}
"""
OVERLAY = "services: {api: {dependsOn: {migrate: completed}}}\ntasks: {migrate: {dependsOn: {db: ready}}}\n"


def kept(folder) -> dict[str, dict]:
    """The nodes of the state file."""
    return json.loads((folder.state / "state.json").read_text())["nodes"]


def test_the_times_of_a_start_are_kept_in_order(folder):
    folder.write(FILE, OVERLAY)
    folder.up()
    folder.run("task", "start", "broken")
    folder.down()
    nodes = kept(folder)
    db, migrate, api, broken = (nodes[name] for name in ("db", "migrate", "api", "broken"))
    assert db["requested_at"] <= db["started_at"] <= db["ready_at"] <= migrate["started_at"]
    assert migrate["started_at"] <= migrate["ended_at"] == migrate["ready_at"] <= api["started_at"]
    assert api["ready_at"] <= api["ended_at"]
    assert (migrate["exit_code"], broken["exit_code"], broken["ready_at"]) == (0, 3, None)
    assert broken["ended_at"] >= broken["started_at"]
    assert (api["depends_on"], migrate["depends_on"], db["depends_on"]) == (["migrate"], ["db"], [])


def test_the_last_answer_of_a_probe_and_its_deadline_are_told(folder):
    folder.write(
        "services: {a: {name: A, triggeredBy: [postEnvironmentStart], commands:"
        ' {start: exec sleep 600, ready: "echo not yet; exit 7"}}}\n'
    )
    from devtools_waiting import until

    folder.begin("up", "--no-validate")
    until(lambda: "not yet" in folder.run("why", "a").stdout, "the answer is told", 60)
    said = folder.run("why", "a").stdout
    assert "exited 7: not yet" in said
    assert "deadline: in " in said
