"""Every rule of automations.yaml and workspace.yaml: where it speaks, what it says, what it suggests."""

# ruff: noqa: E501 (one case a line reads best)

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from devtools.manifest import source
from devtools.manifest.load import judge
from devtools.manifest.shape import MAX_ERRORS
from devtools.manifest.source import MAX_BYTES
from devtools.workspace import find

SERVICE = "services:\n  a:\n    name: A\n    commands: {start: x}\n"
TASK = "tasks:\n  t: {name: T, command: x}\n"


def errors(folder: Path, text: str | bytes, overlay: str | None = None) -> list[str]:
    """The errors of a file as `line:column path: message (suggestion)`."""
    file = folder / "automations.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    if overlay is not None:
        (folder / "workspace.yaml").write_text(overlay)
    verdict = judge(file, shown_as="f", with_overlay=overlay is not None)
    return [str(problem).partition(":")[2] for problem in verdict.errors]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("service: {}", "1:1: service: unknown key `service` (did you mean `services`?)"),
        ("services:\n  a: {name: A}", "2:3: services.a: has no commands.start (add `commands: {start: …}`)"),
        (
            "services:\n  a: {name: A, commands: {}}",
            "2:26: services.a.commands: has no start (add `start: …`)",
        ),
        (
            "services:\n  a: {name: A, commands: {start: ''}}",
            "2:34: services.a.commands.start: must not be empty",
        ),
        (
            "services:\n  a: {name: A, commands: {start: x, raedy: y}}",
            "2:37: services.a.commands.raedy: unknown key `raedy` (did you mean `ready`?)",
        ),
        (
            "services:\n  a: {name: A, commands: {start: x}, dependsOn: [b]}",
            "2:38: services.a.dependsOn: unknown key `dependsOn` "
            "(services have no dependsOn in this format; workspace.yaml has)",
        ),
        (
            "services:\n  a: {name: A, commands: {start: x}, role: edit}",
            "2:44: services.a.role: `edit` is not known here (did you mean `editor`?)",
        ),
        (
            "services:\n  a: {name: A, commands: {start: x}, readinessTimeout: 5m}",
            "2:56: services.a.readinessTimeout: `5m` is no duration (seconds, like 600s)",
        ),
        (
            "services:\n  a: {name: A, commands: {start: x}, triggeredBy: [beforeSnapshot]}",
            "2:52: services.a.triggeredBy[0]: `beforeSnapshot` triggers tasks only",
        ),
        ("tasks:\n  t: {name: T}", "2:3: tasks.t: has no command (add `command: …`)"),
        ("tasks:\n  t: {name: T, command: 5}", '2:25: tasks.t.command: must be text, not an integer (write "5")'),
        (
            "tasks:\n  t: {name: T, command: x, triggeredBy: manual}",
            "2:41: tasks.t.triggeredBy: must be a list, not a string (write [manual])",
        ),
        (
            "tasks:\n  t: {name: T, command: x, dependsOn: [u]}\n  tu: {name: T, command: x}",
            "2:40: tasks.t.dependsOn[0]: no task or service is called `u` (did you mean `tu`?)",
        ),
        ("tasks:\n  t: {name: T, command: x, dependsOn: [t]}", "2:40: tasks.t.dependsOn[0]: a task cannot depend on itself"),
        (
            "tasks:\n  t: {name: T, command: x, prebuildRequiresSuccess: maybe}",
            "2:53: tasks.t.prebuildRequiresSuccess: must be true or false, not a string",
        ),
        (
            "tasks:\n  t: {name: T, command: x, runsOn: {docker: {}}}",
            "2:45: tasks.t.runsOn.docker: has no image (add `image: …`)",
        ),
        (
            "tasks:\n  t: {name: T, command: x, runsOn: {}}",
            "2:36: tasks.t.runsOn: names exactly one of docker and machine",
        ),
        ("tasks:\n  a b: {name: T, command: x}", "2:3: tasks.a b: `a b` is not an id (ids have 1 to 128 of A-Z a-z 0-9 _ -)"),
        ("tasks:\n  t: {name: T, command: x}\n  t: {name: U, command: y}", "3:3: tasks.t: `t` is written twice"),
        ("- a", "1:1: must be a mapping, not a list"),
        ("a: [", "1:4: is not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        ("", "1:1: the file is empty"),
        (b"\xff\xfe\x00", "1:1: is not UTF-8 text"),
        ("a: \x00", "1:1: holds a character that YAML forbids"),
        ("x: &a [*a]", "1:4: an alias contains itself"),
        ("tasks: {}\n---\ntasks: {}", "3:1: several documents in one file; keep one"),
        (b"#" * (MAX_BYTES + 1), "1:1: is larger than 256 KiB"),
    ],
)  # fmt: skip
def test_an_error_has_its_place_and_a_suggestion(tmp_path, text, error):
    found = errors(tmp_path, text)
    if "is not YAML" in error:
        assert [line.split(":")[0] for line in found] and "is not YAML" in found[0]
    else:
        assert found == [error]


def test_all_errors_come_at_once_in_the_order_of_the_file(tmp_path):
    text = "services:\n  a: {name: 1}\n  b: {nmae: B, commands: {start: x}}\ntasks:\n  a: {command: x}\nmore: 1\n"
    lines = [int(found.split(":")[0]) for found in errors(tmp_path, text)]
    assert lines == sorted(lines)
    assert set(lines) == {2, 3, 6}


def test_a_task_and_a_service_cannot_share_an_id(tmp_path):
    found = errors(tmp_path, SERVICE + "tasks:\n  a: {name: A, command: x}\n")
    assert found == ["6:3: tasks.a: `a` is already the id of a service"]


def test_a_cycle_is_named(tmp_path):
    text = (
        "tasks:\n  a: {name: A, command: x, dependsOn: [b]}\n  b: {name: B, command: x, dependsOn: [c]}\n"
        "  c: {name: C, command: x, dependsOn: [a]}\n"
    )
    assert errors(tmp_path, text) == [
        "2:3: a: depends on itself: a → b → c → a (remove one of these dependencies)"
    ]


def test_a_missing_name_is_a_warning(tmp_path):
    file = tmp_path / "automations.yaml"
    file.write_text("tasks:\n  t: {command: x}\n")
    verdict = judge(file, shown_as="f")
    assert verdict.valid
    assert [str(problem) for problem in verdict.warnings] == ["f:2:3: tasks.t: has no name (add `name: t`)"]


@pytest.mark.parametrize(
    ("command", "warning"),
    [
        ("docker run -d redis", "starts something detached"),
        ("npm start &", "starts something detached"),
        ("docker-compose -f dev.yml up -d", "starts something detached"),
        ("until nc -z localhost 5432; do sleep 1; done; exec app", "waits in a loop of its own"),
        ("while true; do curl x && break; sleep 1; done; exec app", "waits in a loop of its own"),
        ("while :\ndo\n  sleep 1\n  nc -z db 1 && break\ndone\nexec app", "waits in a loop of its own"),
        (
            "for i in {1..30}; do\n  nc -z db 1 && break\n  sleep 2\ndone\nexec app",
            "waits in a loop of its own",
        ),
        ("kill -9 $(lsof -ti:3001); exec app", "kills by name or port"),
        ("pkill node; exec app", "kills by name or port"),
        ("fuser -k 3000/tcp; exec app", "kills by name or port"),
        ("cd /workspaces/app && exec app", "holds the absolute path /workspaces/app"),
        ("rm -rf / ; exec app", "destroys data when it runs"),
    ],
)
def test_what_will_hurt_is_warned_about(tmp_path, command, warning):
    file = tmp_path / "automations.yaml"
    file.write_text(json.dumps({"services": {"a": {"name": "A", "commands": {"start": command}}}}))
    verdict = judge(file)
    assert verdict.valid
    assert [problem.message for problem in verdict.warnings] == [warning]


def test_reading_the_longest_command_takes_no_time_whatever_it_holds(tmp_path):
    file = tmp_path / "automations.yaml"
    for word in (
        "for x ",
        "until do ",
        "docker compose up ",
        "rm -r -f ",
        "lsof -ti x ",
        "kill ",
        "dd ",
        "pg_ctl ",
    ):
        command = word * (60_000 // len(word))
        file.write_text(json.dumps({"services": {"a": {"name": "A", "commands": {"start": command}}}}))
        began = time.process_time()
        assert judge(file).valid
        assert time.process_time() - began < 30, word  # a quadratic pattern takes minutes


@pytest.mark.parametrize("start", ["while true; do beat; sleep 5; done", "while :\ndo\n  sleep 5\ndone"])
def test_a_loop_that_is_the_service_itself_waits_for_nothing(tmp_path, start):
    file = tmp_path / "automations.yaml"
    file.write_text(json.dumps({"services": {"a": {"name": "A", "commands": {"start": start}}}}))
    assert judge(file).warnings == []


def test_an_ordinary_command_has_no_warning(tmp_path):
    file = tmp_path / "automations.yaml"
    commands = {
        "start": "for f in *.in; do cp $f $f.out; done; cd app && npm ci && exec npm start -- --port 3000 2>&1",
        "ready": "curl -f localhost:3000",
    }
    file.write_text(json.dumps({"services": {"a": {"name": "A", "commands": commands}}}))
    assert judge(file).warnings == []


@pytest.mark.parametrize(
    ("overlay", "error"),
    [
        ("prots: {}", "1:1: prots: unknown key `prots` (did you mean `ports`?)"),
        ("services: {b: {}}", "1:12: services.b: automations.yaml has no service `b` (known: a)"),
        ("ports: {web: 70000}", "1:14: ports.web: 70000 is outside 1 to 65535"),
        ("services: {a: {ports: [web]}}", "1:24: services.a.ports: no port is called `web` (a number, or a name from the top-level `ports`)"),
        ("services: {a: {dependsOn: {tt: ready}}}", "1:32: services.a.dependsOn.tt: nothing is called `tt` (did you mean `t`?)"),
        ("services: {a: {dependsOn: {t: done}}}", "1:31: services.a.dependsOn.t: `done` is not known here (one of started, ready, completed)"),
        ("services: {a: {ready: {htpp: {port: 1}}}}", "1:24: services.a.ready.htpp: unknown key `htpp` (did you mean `http`?)"),
        ("services: {a: {ready: {log: '['}}}", "1:29: services.a.ready.log.pattern: is no regular expression"),
        ("services: {a: {stop: {signal: TREM}}}", "1:31: services.a.stop.signal: `TREM` is no signal (did you mean `SIGTERM`?)"),
        ("services: {a: {stop: {grace: soon}}}", "1:30: services.a.stop.grace: `soon` is no duration (for example 500ms, 10s or 2m)"),
        ("services: {a: {restart: sometimes}}", "1:25: services.a.restart: `sometimes` is not known here (one of never, on-failure, always)"),
        ("services: {a: {env: {A: '${ports.web}'}}}", "1:25: services.a.env.A: no port is called `web`"),
        ("repositories: {r: {path: ../x}}", "1:26: repositories.r.path: must lie inside the workspace"),
        ("services: {a: {repository: apii}}\nrepositories: {api: {}}", "1:28: services.a.repository: no repository is called `apii` (did you mean `api`?)"),
        ("tasks: {t: {repository: [api, wire]}}\nrepositories: {api: {}}", "1:31: tasks.t.repository: no repository is called `wire` (known: api)"),
        ("services: {a: {restartWith: aa}}", "1:29: services.a.restartWith: no service is called `aa` (did you mean `a`?)"),
        ("repositories: {api: {dependsOn: [wier]}, wire: {}}", "1:34: repositories.api.dependsOn: no repository is called `wier` (did you mean `wire`?)"),
        ("repositories: {api: {dependsOn: api}}", "1:33: repositories.api.dependsOn: cannot build on itself"),
        ("repositories: {a: {dependsOn: b}, b: {dependsOn: a}}", "1:16: repositories.a.dependsOn: builds on itself: a → b → a"),
        ("repositories: {a: {sources: {x: y}}}", "1:29: repositories.a.sources: must be a list, not a mapping"),
        ("repositories: {r: {test: \"'\"}}", "1:26: repositories.r.test: is no command line"),
        ("database: {service: a, port: '1', name: n, owner: o}", "1:11: database: has no user"),
        ("commands:\n  status: x", "2:3: commands.status: devtools itself has a command `status` (take another name)"),
        ("commands:\n  -x: y", "2:3: commands.-x: `-x` is no name of a command (lower case letters, digits and -, a letter first)"),
        ("commands:\n  books: x 'y", "2:10: commands.books: is no command line: no closing quotation"),
        ("commands: {books: ''}", "1:19: commands.books: must not be empty"),
        ("commands: {books: [x]}", "1:19: commands.books: must be text, not a list"),
        ("commands: {books: x, books: y}", "1:22: commands.books: `books` is written twice"),
    ],
)  # fmt: skip
def test_an_error_of_the_overlay_has_its_place_and_a_suggestion(tmp_path, overlay, error):
    assert errors(tmp_path, SERVICE + TASK, overlay) == [error]


def test_the_file_is_looked_for_in_the_folder_and_its_parents(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find(below) is None
    (tmp_path / ".gitpod").mkdir()
    (tmp_path / ".gitpod" / "automations.yaml").write_text(TASK)
    assert find(below) == tmp_path / ".gitpod" / "automations.yaml"
    (tmp_path / ".ona").mkdir()
    (tmp_path / ".ona" / "automations.yaml").write_text(TASK)
    assert find(below) == tmp_path / ".ona" / "automations.yaml"
    (tmp_path / "a" / "automations.yaml").write_text(TASK)
    assert find(below) == tmp_path / "a" / "automations.yaml"


DENSE = {
    "list": "tasks: {a: {name: A, command: x, dependsOn: [" + "b," * 130_000 + "]}}",
    "services": "services:\n"
    + "".join(f"  s{i}: {{name: A, commands: {{start: x}}}}\n" for i in range(7000)),
}


@pytest.mark.parametrize("kind", sorted(DENSE))
def test_a_dense_file_is_refused_where_it_becomes_too_much_with_a_way_out(tmp_path, kind):
    found = errors(tmp_path, DENSE[kind][: MAX_BYTES - 10])
    assert len(found) == 1
    assert "holds more than 10,000 values; give several workspaces a file each" in found[0]
    assert found[0].split(":")[:2] != ["1", "1"]  # its place is where the reading stopped


def test_hundreds_of_services_are_no_dense_file(tmp_path):
    text = "services:\n" + "".join(
        f"  s{i}: {{name: S, triggeredBy: [manual], commands: {{start: x, ready: y}}}}\n" for i in range(500)
    )
    assert errors(tmp_path, text) == []


def test_a_hundred_errors_are_enough_to_begin_with(tmp_path):
    file = tmp_path / "automations.yaml"
    tasks = "".join(f"  task{i}: {{name: T, command: x, dependsOn: [tsk{i}]}}\n" for i in range(700))
    file.write_text("tasks:\n" + tasks)
    verdict = judge(file)
    assert len(verdict.errors) == MAX_ERRORS
    assert "judged up to here only" in verdict.warnings[-1].message


def test_unchanged_text_is_not_parsed_again_and_changed_text_is(tmp_path, monkeypatch):
    file, kept = tmp_path / "automations.yaml", tmp_path / "run"
    kept.mkdir()
    file.write_text("tasks: {t: &t {name: T, command: x}, u: *t}\n")
    first = judge(file, kept=kept)
    monkeypatch.setattr(source, "parse", lambda *_: pytest.fail("it is parsed"))
    assert judge(file, kept=kept) == first
    monkeypatch.undo()
    before = file.stat()
    file.write_text("tasks: {t: &t {name: T, command: y}, u: *t}\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as an edit within the clock's tick
    assert judge(file, kept=kept).automations.tasks["t"].command == "y"


def test_what_was_kept_of_another_file_or_is_broken_is_not_believed(tmp_path):
    kept = tmp_path / "run"
    kept.mkdir()
    file, other = tmp_path / "automations.yaml", tmp_path / "other.yaml"
    file.write_text("tasks: {t: {name: T, command: x}}\n")
    judge(file, kept=kept)
    reading = kept / "automations.yaml.read"
    text = reading.read_text().replace('"x"', '"evil"')
    reading.rename(kept / "other.yaml.read")
    other.write_text(file.read_text())
    (kept / "other.yaml.read").write_text(text)  # a repository may bring this, but not the inode and the time
    assert judge(other, kept=kept).automations.tasks["t"].command == "x"
    for broken in ("", "{}", "[]", '{"key": 1}', '{"key": [], "node": []}'):
        reading.write_text(broken)
        assert judge(file, kept=kept).automations.tasks["t"].command == "x"
