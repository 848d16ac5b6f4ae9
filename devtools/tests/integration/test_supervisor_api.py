"""The supervisor's API over its socket, its manners as a process, and the probes that need one."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from devtools_waiting import until
from jsonschema import Draft202012Validator

from devtools.supervisor import server

ONE = "services: {a: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}}\n"


def fits(document: dict, name: str, value: object) -> list[str]:
    """What is wrong with a value by a schema of the document; a key that it does not name is wrong, too."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    faults = [fault.message for fault in Draft202012Validator(schema).iter_errors(value)]
    named = document["components"]["schemas"][name]["properties"]
    return faults + [f"{key} is not documented" for key in set(value) - set(named)]


def test_every_documented_route_exists_and_every_route_is_documented(folder):
    folder.write(ONE)
    folder.up()
    status, document = folder.ask("GET /openapi.json")
    assert status == 200
    for path, methods in document["paths"].items():
        if path in ("/v1/events", "/v1/down", "/v1/kill"):
            continue
        for method, operation in methods.items():
            status, answer = folder.ask(f"{method.upper()} {path}", {} if method == "post" else None)
            assert "no route" not in str(answer), path
            assert str(status) in operation["responses"], path
    routes = re.findall(r'\("(GET|POST)", "([^"]+)"\)', inspect.getsource(server))
    assert {(method.lower(), path) for method, path in routes} == {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }


def test_answers_are_as_documented(folder):
    folder.write(ONE + "tasks: {t: {name: T, command: 'true'}}\n")
    folder.up()
    document = folder.ask("GET /openapi.json")[1]
    shown = folder.ask("GET /v1/status")[1]
    assert fits(document, "Status", shown) == []
    for node in shown["nodes"]:
        assert fits(document, "Node", node) == []
    events = folder.ask_lines("POST /v1/start", {"ids": ["t"]})
    for event in events:
        assert fits(document, "Event", event) == []
    assert events[-1]["result"]["nodes"][0]["phase"] == "succeeded"
    assert folder.ask("GET /v1/wait?ids=a,t&timeout=60") == (200, {"ok": True})
    late = folder.ask("POST /v1/stop", {"ids": ["nobody"]})
    assert (late[0], fits(document, "Error", late[1])) == (404, [])


def test_wait_tells_what_is_missing_when_time_is_up_and_what_will_never_come(folder):
    folder.write(
        "services:\n"
        "  late: {name: L, commands: {start: exec sleep 600, ready: test -f ok}}\n"
        "  dead: {name: D, commands: {start: exit 3}}\n"
    )
    folder.begin("up", "--no-validate", "--only", "late,dead")
    until(lambda: folder.node("dead")["phase"] == "failed", "dead has failed", 60)
    _, answer = folder.ask("GET /v1/wait?ids=late&timeout=0.05")
    assert answer == {"ok": False, "reason": "late not ready in time", "timed_out": True}
    assert folder.ask("GET /v1/wait?ids=dead")[1] == {"ok": False, "reason": "dead failed: exited 3"}
    (folder.root / "ok").touch()
    assert folder.run("wait", "late", "--timeout", "60s").returncode == 0
    refused = folder.run("wait", "dead")
    assert (refused.returncode, "dead failed: exited 3" in refused.stderr) == (1, True)


def test_nonsense_is_answered_and_harms_nobody(folder):
    folder.write(ONE)
    folder.up()
    assert folder.ask("GET /nowhere")[0] == 404
    assert folder.ask("POST /v1/up", {"plan": 5})[0] == 400
    assert folder.ask("POST /v1/stop", {"ids": ["nobody"]})[0] == 404
    assert folder.ask("POST /v1/stop", [1])[0] == 400
    assert folder.status()["a"]["phase"] == "running"


def test_the_socket_and_the_state_are_private(folder):
    folder.write(ONE)
    folder.up()
    person = json.loads((folder.state / "supervisor.json").read_text())
    for name in (person["socket"], folder.state / "state.json", folder.state / "logs" / "a.log"):
        assert Path(name).stat().st_mode & 0o077 == 0


def wake_ups(pid: int) -> int:
    """How often a process's threads have gone to sleep so far: one that does nothing adds none."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            count += int(status.read_text().rpartition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return count


def test_the_supervisor_is_lean_and_rests(folder):
    folder.write(ONE)
    folder.up()
    pid = folder.supervisor

    def rests() -> bool:
        before = wake_ups(pid)
        time.sleep(1)  # the thing itself: a second in which it does not wake
        return wake_ups(pid) == before

    until(rests, "a second without a single wake-up", 60)
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "pydantic" not in maps
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert resident < 60 * 1024 * 1024


def test_the_supervisor_imports_nothing_heavy():
    words = (
        "import sys, devtools.supervisor.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    shown = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout
    assert not {"typer", "rich", "pydantic", "httpx", "jsonschema", "ruamel", "psutil"} & set(shown.split())


def test_a_log_line_and_a_notification_make_a_service_ready(folder):
    notify = (
        "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
        "time.sleep(0.2); s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); time.sleep(600)"
    )
    (folder.root / "notify.py").write_text(notify.replace("; ", "\n").replace(";", "\n"))
    folder.write(
        "services:\n"
        "  l: {name: L, triggeredBy: [postEnvironmentStart],"
        " commands: {start: 'sleep 0.2; echo now ready; exec sleep 600'}}\n"
        "  n: {name: N, triggeredBy: [postEnvironmentStart], commands: {start: exec python3 notify.py}}\n",
        "services: {l: {ready: {log: 'now r.ady', timeout: 60s}}, n: {ready: {notify: {}, timeout: 60s}}}\n",
    )
    folder.up()
    nodes = folder.status()
    assert (nodes["l"]["phase"], nodes["n"]["phase"]) == ("running", "running")


def test_a_dead_liveness_probe_leads_to_a_restart(folder):
    folder.write(
        "services:\n  a: {name: A, triggeredBy: [postEnvironmentStart],"
        " commands: {start: touch alive; exec sleep 600}}\n",
        "services:\n  a:\n    live: {exec: test -f alive, interval: 100ms}\n"
        "    restart: {policy: on-failure, backoff: 50ms}\n    stop: {grace: 1s}\n",
    )
    folder.up()
    before = folder.status()["a"]["pid"]
    (folder.root / "alive").unlink()
    until(lambda: folder.node("a")["pid"] not in (before, None), "a new process", 60)
    assert folder.node("a")["restarts"] >= 1


def test_the_stop_command_of_the_format_is_run(folder):
    folder.write(
        "services:\n  a:\n    name: A\n    triggeredBy: [postEnvironmentStart]\n"
        "    commands:\n      start: trap '' TERM; touch up; while :; do sleep 0.1; done\n"
        "      stop: touch stopped-by-command\n"
    )
    folder.up()
    until((folder.root / "up").exists, "it has begun", 60)
    folder.down()
    assert (folder.root / "stopped-by-command").exists()


def test_ten_thousand_lines_arrive_without_a_loss(folder):
    folder.write("tasks: {t: {name: T, command: seq 1 100000}}\n")
    done = folder.run("task", "start", "t")
    assert done.returncode == 0
    assert done.stdout.split() == [str(i) for i in range(1, 100_001)]


def test_logs_can_be_filtered_and_read_as_json(folder):
    folder.write("tasks: {t: {name: T, command: 'echo one; echo two; echo three'}}\n")
    folder.run("task", "start", "t")
    assert folder.run("logs", "--grep", "^t").stdout.count("\n") == 2
    lines = [json.loads(line) for line in folder.run("logs", "--json", "-n", "1").stdout.splitlines()]
    assert [(line["source"], line["line"]) for line in lines] == [("t", "three")]
    assert folder.run("logs", "--since", "1h", "t").stdout.count("\n") == 3
    assert folder.run("logs", "tt").returncode == 2
    assert "did you mean `t`?" in folder.run("logs", "tt").stderr


def test_who_attaches_sees_changes_and_lines_and_leaves_everything_running(folder):
    folder.write(ONE.replace("exec sleep", "echo here I am; exec sleep"))
    folder.up()
    words = folder.root / "words"
    attached = folder.begin("attach", words=words)
    until(lambda: "ready" in words.read_text(), "the state is told", 60)
    until(lambda: "here I am" in words.read_text(), "the log is shown", 60)
    attached.send_signal(signal.SIGINT)
    assert attached.wait(60) == 0
    assert "detached; everything goes on" in words.read_text()
    assert folder.node("a")["phase"] == "running"


def test_who_is_attached_at_the_end_ends_as_well(folder):
    folder.write(ONE)
    folder.up()
    words = folder.root / "words"
    attached = folder.begin("attach", words=words)
    until(lambda: "ready" in words.read_text(), "it is attached", 60)
    folder.down()
    assert attached.wait(60) == 0
    assert "everything is stopped" in words.read_text()
    alone = folder.run("attach")
    assert (alone.returncode, "nothing is running here" in alone.stderr) == (1, True)
