"""`up --dry-run`: everything is told, in order, and nothing is started, cloned or asked."""

from __future__ import annotations

import json

FILE = """
services:
  db: {name: D, commands: {start: exec sleep 600, ready: test -f ok}}
  api:
    name: A
    triggeredBy: [postEnvironmentStart]
    commands:
      start: |
        touch begun
        exec sleep 600
  other: {name: O, commands: {start: exec sleep 600}}
tasks:
  move: {name: M, command: touch moved, dependsOn: [db]}
"""
OVERLAY = """
repositories: {part: {path: part, url: "https://git.invalid/part.git"}}
services: {api: {dependsOn: {move: completed}, ready: {tcp: {port: 9}}}}
"""


def test_it_tells_what_up_would_do_and_does_nothing(folder):
    done = folder.write(FILE, OVERLAY).run("up", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "clones part into part from https://git.invalid/part.git\n"
        "1. service db\n     exec sleep 600\n     ready: test -f ok\n"
        "2. task move after db\n     touch moved\n"
        "3. service api after move\n     touch begun\n     exec sleep 600\n"
        "     ready: listens on 127.0.0.1:9\n"
    )
    assert folder.processes() == {}
    assert not (folder.root / "moved").exists() and not (folder.root / "part").exists()


def test_programs_get_the_same_as_json_and_what_runs_is_told(folder):
    folder.write(FILE, "services: {}\n").up("--only", "other")
    shape = json.loads(folder.run("up", "--dry-run", "--only", "other,db", "--json").stdout)
    assert shape == {
        "clone": [],
        "agree": [],
        "ports": {},
        "steps": [
            {
                "id": "other",
                "kind": "service",
                "after": {},
                "command": "exec sleep 600",
                "ready": "",
                "stop": "SIGTERM",
                "refused": "",
                "phase": "running",
            },
            {
                "id": "db",
                "kind": "service",
                "after": {},
                "command": "exec sleep 600",
                "ready": "test -f ok",
                "stop": "SIGTERM",
                "refused": "",
                "phase": "",
            },
        ],
    }
    assert folder.run("up", "--dry-run", "--only", "nobody").returncode == 2
