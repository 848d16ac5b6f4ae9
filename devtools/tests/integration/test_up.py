"""`up`, `status`, `down` and their kin over real processes."""

from __future__ import annotations

import json

GRAPH = """
services:
  db:
    name: Database
    triggeredBy: [postEnvironmentStart]
    commands:
      start: sleep 0.2; touch db.ok; exec sleep 600
      ready: test -f db.ok
  api:
    name: API
    triggeredBy: [postEnvironmentStart]
    commands: {start: "echo listening on $PORT; test -f migrated && exec python3 -u -m http.server $PORT"}
tasks:
  migrate:
    name: Migrate
    command: test -f db.ok && touch migrated && echo migrated
"""


def overlay(port: int) -> str:
    """The overlay of GRAPH."""
    return f"""
workspace: example
ports: {{api: {port}}}
services:
  api:
    dependsOn: {{migrate: completed}}
    ready: {{http: {{port: api}}}}
    ports: [api]
    env: {{PORT: "${{ports.api}}"}}
tasks:
  migrate: {{dependsOn: {{db: ready}}}}
"""


def test_everything_starts_in_order_and_stops_without_a_trace(folder, free_port):
    folder.write(GRAPH, overlay(free_port))
    done = folder.up()
    assert f"http://127.0.0.1:{free_port}" in done.stdout
    nodes = folder.status()
    assert {name: node["phase"] for name, node in nodes.items()} == {
        "db": "running",
        "api": "running",
        "migrate": "succeeded",
    }
    assert nodes["api"]["ports"] == [free_port]
    assert nodes["migrate"]["exit_code"] == 0
    assert set(nodes["api"]) == {
        "id", "name", "phase", "reason", "ready", "since", "pid", "ports", "restarts", "cpu", "memory_bytes",
    }  # fmt: skip
    folder.down()
    assert folder.status()["api"]["phase"] == "stopped"


def test_a_second_up_with_everything_running_is_quick_and_changes_nothing(folder, free_port):
    folder.write(GRAPH, overlay(free_port))
    folder.up()
    before = folder.status()
    done = folder.up()  # how quick is held by the benchmark, which runs alone
    assert "everything is already running" in done.stderr
    assert {name: node["since"] for name, node in folder.status().items()} == {
        name: node["since"] for name, node in before.items()
    }


def test_a_folder_without_an_overlay_works(folder):
    folder.write(
        "services:\n  a:\n    name: A\n    triggeredBy: [postDevcontainerStart]\n"
        "    commands: {start: exec sleep 600}\n"
        "tasks:\n  t: {name: T, command: echo hello, triggeredBy: [postEnvironmentStart]}\n"
    )
    folder.up()
    assert folder.status()["a"]["phase"] == "running"
    assert folder.status()["t"]["phase"] == "succeeded"
    assert "hello" in folder.run("logs", "t").stdout


def test_only_starts_what_was_named_and_what_it_needs(folder, free_port):
    folder.write(GRAPH, overlay(free_port))
    folder.up("--only", "db")
    assert {name: node["phase"] for name, node in folder.status().items()} == {
        "db": "running",
        "api": "stopped",
        "migrate": "pending",
    }


def test_a_taken_port_is_named_with_its_owner_and_another_is_used(folder, free_port):
    import socket

    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", free_port))
        stranger.listen()
        folder.write(GRAPH, overlay(free_port))
        done = folder.up()
        assert f"port {free_port} (api) is taken by" in done.stderr
        assert "pid" in done.stderr
        port = folder.status()["api"]["ports"][0]
        assert port != free_port
        assert 20_000 <= port < 32_000
        shown = folder.run("exec", "--", "sh", "-c", "echo $DEVTOOLS_PORTS").stdout
        assert json.loads(shown) == {"api": port}
        folder.down()
        assert folder.up().returncode == 0
        assert folder.status()["api"]["ports"] == [port]


def test_restart_gives_a_service_a_new_process_and_leaves_the_others(folder, free_port):
    folder.write(GRAPH, overlay(free_port))
    folder.up()
    before = folder.status()
    done = folder.run("restart", "api")
    assert done.returncode == 0, done.stderr
    after = folder.status()
    assert after["api"]["phase"] == "running"
    assert after["api"]["pid"] != before["api"]["pid"]
    assert after["db"]["pid"] == before["db"]["pid"]


def test_a_task_streams_and_returns_its_own_status(folder):
    folder.write(
        "tasks:\n  good: {name: G, command: echo one; echo two}\n  bad: {name: B, command: echo no; exit 7}\n"
        "  after: {name: A, command: echo never, dependsOn: [bad]}\n"
    )
    done = folder.run("task", "start", "good")
    assert (done.returncode, done.stdout) == (0, "one\ntwo\n")
    done = folder.run("automations", "task", "start", "bad")
    assert (done.returncode, done.stdout) == (7, "no\n")
    done = folder.run("task", "start", "after")
    assert done.returncode == 1
    assert "dependency bad failed" in done.stderr
    listed = json.loads(folder.run("automations", "task", "list", "-o", "json").stdout)
    assert {task["id"]: task["phase"] for task in listed} == {
        "good": "succeeded",
        "bad": "failed",
        "after": "failed",
    }


def test_dependencies_of_a_task_run_again_every_time(folder):
    folder.write(
        "tasks:\n  first: {name: F, command: echo x >> runs}\n"
        "  second: {name: S, command: 'true', dependsOn: [first]}\n"
    )
    folder.run("task", "start", "second")
    folder.run("task", "start", "second")
    assert (folder.root / "runs").read_text() == "x\nx\n"


def test_an_external_database_is_not_started(folder, free_port):
    folder.write(
        "services:\n  pg: {name: PG, triggeredBy: [postEnvironmentStart], commands: {start: exit 1}}\n"
        "  api: {name: API, triggeredBy: [postEnvironmentStart], commands:"
        " {start: echo $DATABASE_URL; exec sleep 600}}\n",
        f"ports: {{db: {free_port}}}\n"
        "database: {service: pg, port: db, name: n, owner: o, user: u}\n"
        "services:\n  api: {dependsOn: {pg: ready}}\n",
    )
    folder.environment["DATABASE_URL"] = "postgresql://u@db.example/n"
    folder.up()
    nodes = folder.status()
    assert (nodes["pg"]["phase"], nodes["pg"]["reason"]) == ("running", "external database")
    assert "postgresql://u@db.example/n" in folder.run("logs", "api").stdout
    assert json.loads(folder.run("status", "--json").stdout)["database_url"] == "postgresql://u@db.example/n"


def test_await_returns_at_once_where_the_supervisor_has_ordered_the_start(folder):
    folder.write("services: {a: {name: A, commands: {start: sleep 600}}}\n")
    folder.environment["DEVTOOLS_ORDERED"] = "1"
    assert folder.run("await", "nobody").returncode == 0  # else it would wait on


def test_await_without_a_supervisor_probes_until_its_deadline(folder):
    folder.write("services: {a: {name: A, commands: {start: sleep 600, ready: test -f up}}}\n")
    done = folder.run("await", "a", "--timeout", "500ms")
    assert done.returncode == 1
    assert "a was not ready within 0.5 s" in done.stderr
    (folder.root / "up").touch()
    assert folder.run("await", "a", "--timeout", "5s").returncode == 0


def test_every_child_gets_its_environment(folder, free_port):
    folder.write(
        "tasks: {show: {name: S, command: env}}\n",
        f"ports: {{web: {free_port}}}\n"
        "tasks: {show: {env: {WEB: 'http://127.0.0.1:${ports.web}'}, envFile: extra.env}}\n",
    )
    (folder.root / "extra.env").write_text("# a comment\nexport EXTRA='two words'\n")
    (folder.root / ".env").write_text("FROM_DOTENV=yes\n")
    shown = dict(
        line.split("=", 1) for line in folder.run("task", "start", "show").stdout.splitlines() if "=" in line
    )
    assert shown["WEB"] == f"http://127.0.0.1:{free_port}"
    assert shown["EXTRA"] == "two words"
    assert shown["FROM_DOTENV"] == "yes"
    assert shown["DEVTOOLS_ORDERED"] == "1"
    assert shown["DEVTOOLS_WORKSPACE"] == str(folder.root)
    assert shown["DEVTOOLS_STATE_DIR"] == str(folder.state)
