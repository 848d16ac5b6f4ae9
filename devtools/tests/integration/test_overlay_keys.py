"""Profiles, replicas, watch, probes and restarts: what the overlay adds to services, over real processes."""

from __future__ import annotations

import itertools
import json

import pytest
from devtools_waiting import until

PATIENCE_S = 60


def services(*names: str, start: str = "exec sleep 600") -> str:
    """An automations file of triggered services that all start alike."""
    command = json.dumps(start)
    lines = [
        f"  {name}: {{name: {name}, triggeredBy: [postEnvironmentStart], commands: {{start: {command}}}}}\n"
        for name in names
    ]
    return "services:\n" + "".join(lines)


def running(folder) -> set[str]:
    """The ids of what runs."""
    return {name for name, node in folder.status().items() if node["phase"] == "running"}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ((), {"plain", "usual"}),
        (("--profile", "load"), {"plain", "heavy"}),
        (("--profile", "default,load"), {"plain", "usual", "heavy"}),
    ],
)
def test_a_profile_starts_its_services_and_those_without_one(folder, chosen, expected):
    folder.write(
        services("plain", "usual", "heavy"),
        "services: {usual: {profiles: [default]}, heavy: {profiles: [load, soak]}}\n",
    )
    folder.up(*chosen)
    assert running(folder) == expected


def test_an_unknown_profile_is_wrong_use_with_a_suggestion(folder):
    folder.write(services("a"), "services: {a: {profiles: [load]}}\n")
    done = folder.up("--profile", "laod", status=2)
    assert "did you mean `load`?" in done.stderr
    assert folder.processes() == {}


def test_what_a_service_needs_is_started_whatever_its_profile(folder):
    folder.write(services("a", "b"), "services: {a: {profiles: [other]}, b: {dependsOn: {a: ready}}}\n")
    folder.up()
    assert running(folder) == {"a", "b"}


def test_replicas_have_an_index_a_log_and_a_port_each(folder, free_port):
    start = "echo $DEVTOOLS_REPLICA $PORT > r$DEVTOOLS_REPLICA; echo I am $DEVTOOLS_REPLICA; exec sleep 600"
    folder.write(
        services("w", start=start) + "  last: {name: L, commands: {start: exec sleep 600}}\n",
        f"ports: {{w: {free_port}}}\nservices:\n"
        "  w: {replicas: 3, ports: [w], env: {PORT: '${ports.w}'}}\n  last: {dependsOn: {w: ready}}\n",
    )
    folder.up("--only", "last")
    assert running(folder) == {"w", "w-2", "w-3", "last"}
    until(lambda: all((folder.root / f"r{i}").exists() for i in (1, 2, 3)), "all have begun", PATIENCE_S)
    said = [until((folder.root / f"r{i}").read_text, "it is written", PATIENCE_S).split() for i in (1, 2, 3)]
    assert [index for index, _ in said] == ["1", "2", "3"]
    assert len({port for _, port in said}) == 3
    assert said[0][1] == str(free_port)
    until(lambda: (folder.state / "logs" / "w-3.log").read_text() == "I am 3\n", "its own log", PATIENCE_S)


def test_who_names_a_service_means_all_of_its_replicas(folder):
    folder.write(services("w"), "services: {w: {replicas: 2}}\n")
    folder.up()
    before = {name: node["pid"] for name, node in folder.status().items()}
    assert folder.run("restart", "w").returncode == 0
    after = {name: node["pid"] for name, node in folder.status().items()}
    assert set(before) == set(after) == {"w", "w-2"}
    assert not set(before.values()) & set(after.values())
    assert folder.run("service", "stop", "w").returncode == 0
    assert running(folder) == set()


def test_one_replica_is_named_by_its_own_id(folder):
    folder.write(
        services("w", start="echo I am $DEVTOOLS_REPLICA; exec sleep 600"), "services: {w: {replicas: 2}}\n"
    )
    folder.up()
    until(lambda: (folder.state / "logs/w-2.log").read_text() == "I am 2\n", "its log", PATIENCE_S)
    assert folder.run("service", "stop", "w-2").returncode == 0
    assert running(folder) == {"w"}
    assert folder.run("service", "logs", "w-2", "--no-follow").stdout.endswith("  I am 2\n")
    refused = folder.run("service", "start", "w-3")
    assert (refused.returncode, "did you mean `w-2`?" in refused.stderr) == (2, True)


def test_replicas_that_cannot_be_are_told_with_their_place(folder):
    folder.write(services("w", "w-2"), "services: {w: {replicas: 2, ports: ['8080']}}\n")
    done = folder.up(status=2)
    assert "`w-2`, which there is already" in done.stderr
    assert "cannot all listen on port 8080" in done.stderr


def test_a_changed_file_restarts_its_service_and_what_depends_on_it(folder):
    (folder.root / "src" / "deep").mkdir(parents=True)
    (folder.root / "src" / "a.py").write_text("1")
    folder.write(
        services("low", "mid", "top", "aside"),
        "services:\n  low: {watch: ['src/**/*.py']}\n  mid: {dependsOn: {low: ready}}\n"
        "  top: {dependsOn: {mid: ready}}\n  aside: {watch: other}\n",
    )
    folder.up()
    before = {name: node["pid"] for name, node in folder.status().items()}
    (folder.root / "src" / "note.txt").write_text("no pattern names this")
    (folder.root / "src" / "deep" / "b.py").write_text("2")

    def renewed() -> bool:
        nodes = {name: folder.node(name) for name in ("low", "mid", "top")}
        return all(
            node["phase"] == "running" and node["pid"] not in (None, before[name])
            for name, node in nodes.items()
        )

    until(renewed, "low, mid and top have been restarted", PATIENCE_S)
    assert folder.status()["aside"]["pid"] == before["aside"]
    said = (folder.state / "logs" / "supervisor.log").read_text()
    assert "watch: src/deep/b.py changed: restarts low, mid, top" in said
    assert "note.txt" not in said


def test_a_failed_service_is_tried_again_when_its_file_changes(folder):
    (folder.root / "code").mkdir()
    (folder.root / "code" / "main.sh").write_text("exit 1")
    folder.write(services("a", start="exec bash code/main.sh"), "services: {a: {watch: code/main.sh}}\n")
    folder.run("up", "--no-validate")
    until(lambda: folder.node("a")["phase"] == "failed", "it has failed", PATIENCE_S)
    (folder.root / "code" / "main.sh").write_text("exec sleep 600")
    until(lambda: folder.node("a")["phase"] == "running", "it runs", PATIENCE_S)


def test_what_somebody_stopped_is_not_started_by_a_change(folder):
    (folder.root / "src").mkdir()
    folder.write(services("a", "b"), "services: {a: {watch: src}, b: {watch: src}}\n")
    folder.up()
    folder.run("service", "stop", "a")
    before = folder.status()["b"]["pid"]
    (folder.root / "src" / "x").write_text("1")
    until(lambda: folder.node("b")["pid"] not in (None, before), "b has been restarted", PATIENCE_S)
    assert folder.status()["a"]["phase"] == "stopped"


def test_a_tcp_and_an_http_probe_make_a_service_ready(folder, free_port):
    folder.write(
        services("web", "site", start="exec python3 -u -m http.server $PORT --bind 127.0.0.1"),
        f"ports: {{web: {free_port}, site: {free_port + 1}}}\nservices:\n"
        "  web: {ports: [web], env: {PORT: '${ports.web}'}, ready: {tcp: {port: web}, timeout: 60s}}\n"
        "  site: {ports: [site], env: {PORT: '${ports.site}'}, dependsOn: {web: ready},"
        " ready: {http: {port: site, path: /nowhere, status: 404}, timeout: 60s}}\n",
    )
    folder.up()
    web, site = folder.node("web"), folder.node("site")
    assert (web["phase"], site["phase"]) == ("running", "running")
    assert web["probe"] == f"port {web['ports'][0]} takes connections"
    assert site["probe"] == f"GET /nowhere on port {site['ports'][0]} answered 404"


def test_a_service_that_always_restarts_waits_twice_as_long_each_time_and_gives_up(folder):
    folder.write(
        services("a", start="read up _ < /proc/uptime; echo $up >> tries"),
        "services: {a: {restart: {policy: always, backoff: 100ms, max: 3}}}\n",
    )
    folder.run("up", "--no-validate")
    until(lambda: folder.node("a")["phase"] == "failed", "it is given up", PATIENCE_S)
    assert folder.node("a")["reason"] == "gave up after 3 restarts; it exited 0"
    tries = [float(line) for line in (folder.root / "tries").read_text().split()]
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert len(pauses) == 3
    # The kernel's clock is told in hundredths.
    assert all(pause >= least for pause, least in zip(pauses, (0.08, 0.18, 0.38), strict=True))
