"""What pages ask a supervisor: where it is, how the start went, what was logged, and a task run once more."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from devtools_waiting import until
from integration.test_supervisor_api import fits

FILE = """
services:
  db: {name: D, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600, ready: "true"}}
  api: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: 'env > told; exec sleep 600'}}
tasks:
  migrate: {name: M, command: "echo once >> migrated"}
  prove: {name: P, command: "echo proved >> proofs; echo Proof of $HOME; echo other"}
  long: {name: L, command: "until test -f over; do sleep 0.05; done"}
"""
OVERLAY = (
    "services: {api: {dependsOn: {migrate: completed}}}\n"
    "tasks: {migrate: {dependsOn: {db: ready}}, prove: {dependsOn: {api: ready}}}\n"
)


def lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_services_are_told_the_socket_and_nobody_else_may_use_it(folder):
    folder.write(FILE, OVERLAY)
    folder.up()
    until(lambda: "DEVTOOLS_SOCKET=" in (folder.root / "told").read_text(), "api has told its environment")
    told = dict(line.partition("=")[::2] for line in (folder.root / "told").read_text().splitlines())
    assert told["DEVTOOLS_SOCKET"] == json.loads((folder.state / "supervisor.json").read_text())["socket"]
    mode = Path(told["DEVTOOLS_SOCKET"]).stat().st_mode
    assert (stat.S_ISSOCK(mode), mode & 0o077) == (True, 0)


def test_the_picture_of_a_start_is_not_bent_by_what_comes_later(folder):
    folder.write(FILE, OVERLAY)
    folder.up()
    first = folder.ask("GET /v1/timeline")[1]
    document = folder.ask("GET /openapi.json")[1]
    assert fits(document, "Timeline", first) == []
    assert first["critical_path"] == ["db", "migrate", "api"]
    assert [bar["id"] for bar in first["nodes"]] == ["db", "migrate", "api"]
    assert first["began_at"] <= folder.ask("GET /v1/status")[1]["nodes"][0]["started_at"]
    assert folder.run("restart", "api").returncode == 0
    assert folder.ask("POST /v1/run", {"id": "prove"})[0] == 200
    until(lambda: folder.node("prove")["phase"] == "succeeded", "the task is over")
    folder.up()
    assert folder.ask("GET /v1/timeline")[1] == first

    def shape(shown: dict[str, Any]) -> tuple[object, ...]:
        return (
            shown["total_s"],
            shown["critical_path"],
            [(bar["id"], bar["ready_s"]) for bar in shown["nodes"]],
        )

    def told() -> tuple[object, ...]:
        return shape(json.loads(folder.run("timeline", "--json").stdout))

    assert told() == shape(first), "the command shows what pages show"
    folder.down()
    assert told() == shape(first), "also when nothing runs any more"


def test_a_task_is_run_once_more_and_what_it_needs_only_where_that_is_not_there(folder):
    folder.write(FILE, OVERLAY)
    folder.up("--only", "db")
    status, begun = folder.ask("POST /v1/run", {"id": "prove"})
    assert (status, begun) == (200, {"begun": ["migrate", "api", "prove"]})
    until(lambda: folder.node("prove")["phase"] == "succeeded", "it has succeeded")
    assert folder.ask("POST /v1/run", {"id": "prove"}) == (200, {"begun": ["prove"]})
    until(lambda: lines(folder.root / "proofs") == 2, "it has run twice")
    assert lines(folder.root / "migrated") == 1


def test_a_task_at_work_is_not_begun_twice_and_a_service_is_not_run(folder):
    folder.write(FILE, OVERLAY)
    folder.up("--only", "db")
    assert folder.ask("POST /v1/run", {"id": "long"}) == (200, {"begun": ["long"]})
    status, answer = folder.ask("POST /v1/run", {"id": "long"})
    assert (status, answer["error"]) == (409, "`long` is at work already")
    (folder.root / "over").touch()
    until(lambda: folder.node("long")["phase"] == "succeeded", "it is over")
    assert folder.ask("POST /v1/run", {"id": "db"})[0] == 400
    assert folder.ask("POST /v1/run", {"id": 5})[0] == 400
    status, answer = folder.ask("POST /v1/run", {"id": "nobody"})
    assert (status, answer["known"]) == (404, ["api", "db", "long", "migrate", "prove"])


def test_logs_are_asked_for_by_name_text_and_number(folder):
    folder.write(FILE, OVERLAY)
    folder.up()
    folder.ask("POST /v1/run", {"id": "prove"})
    until(lambda: folder.node("prove")["phase"] == "succeeded", "it has spoken")
    document = folder.ask("GET /openapi.json")[1]
    status, found = folder.ask("GET /v1/logs?ids=prove&text=proof%20OF")
    assert (status, fits(document, "Logged", found)) == (200, [])
    assert [line["source"] for line in found["lines"]] == ["prove"]
    last = folder.ask("GET /v1/logs?ids=prove,api&lines=1")[1]
    assert ([line["text"] for line in last["lines"]], last["left_out"]) == (["other"], 1)
    assert len(folder.ask("GET /v1/logs?since=86400")[1]["lines"]) == 2
    assert folder.ask("GET /v1/logs?ids=../secrets")[0] == 404
    for wrong in ("lines=0", "lines=1001", "lines=x", "since=soon", f"text={'x' * 201}"):
        assert folder.ask(f"GET /v1/logs?{wrong}")[0] == 400


def test_there_is_no_verdict_before_the_first_validation(folder):
    folder.write(FILE, OVERLAY)
    folder.up("--only", "db")
    assert folder.ask("GET /v1/verdict") == (200, {"verdict": None})
