"""`runsOn: docker`: the engine's words as we say them, its absence in one line; no engine is needed here.

The engine is played by a program that keeps what it was told and runs the commands on this machine.
"""

from __future__ import annotations

import pytest

from devtools.manifest.containers import ENGINES

FILE = """
services:
  db:
    name: D
    triggeredBy: [postEnvironmentStart]
    runsOn: {docker: {image: "db:1", environment: [COLOUR=red, HOME]}}
    commands:
      start: echo "$COLOUR" > colour; exec sleep 600
      ready: test -f colour
  cache:
    name: C
    triggeredBy: [postEnvironmentStart]
    runsOn: {docker: {image: "cache:1"}}
    commands: {start: exec sleep 600, stop: touch stopped}
  bare: {name: B, triggeredBy: [postEnvironmentStart], runsOn: {machine: {}}, commands: {start: exec sleep 600}}
tasks:
  seed: {name: S, runsOn: {docker: {image: "db:1"}}, dependsOn: [db], triggeredBy: [postEnvironmentStart], command: 'echo "it''s"; cat colour'}
"""  # noqa: E501
ENGINE = """#!/bin/bash
echo "$*" >> "$(dirname "$0")/said"
verb=$1; shift
case $verb in
version) echo 1.0 ;;
run)
  while [ "$1" != --entrypoint ]; do
    [ "$1" = --name ] && name=$2
    [ "$1" = -e ] && export "$2"
    shift
  done
  shift 4
  echo $$ > "$(dirname "$0")/$name"
  exec sh -c "$1" ;;
exec) exec sh -c "$4" ;;
stop) kill "$(cat "$(dirname "$0")/$3")" ;;
esac
"""


@pytest.fixture
def engine(folder, tmp_path_factory):
    """A folder with a program `docker`, first on the PATH of the workspace's commands."""
    place = tmp_path_factory.mktemp("engine")
    (place / "docker").write_text(ENGINE)
    (place / "docker").chmod(0o755)
    folder.environment["PATH"] = f"{place}:{folder.environment['PATH']}"
    return place


def test_commands_run_in_containers_and_leave_none(folder, engine):
    folder.write(FILE)
    folder.up()
    assert (folder.root / "colour").read_text() == "red\n"
    assert folder.run("logs", "seed").stdout.count("it's") == 1
    assert {name: node["phase"] for name, node in folder.status().items()} == {
        "db": "running",
        "cache": "running",
        "bare": "running",
        "seed": "succeeded",
    }
    folder.down()
    assert (folder.root / "stopped").exists()
    said = (engine / "said").read_text().splitlines()
    begun = next(line for line in said if line.startswith("run ") and "db:1 -c echo" in line)
    name = begun.split("--name ")[1].split()[0]
    assert f"-v {folder.root}:{folder.root} -w {folder.root} -e COLOUR=red -e HOME" in begun
    assert f"exec {name} sh -c test -f colour" in said
    assert f"stop -t 108 {name}" in said
    # Before a start and after its end: whatever a killed client may have left is gone.
    assert said.count(f"rm -f {name}") == 2


def test_an_engine_that_does_not_answer_is_told_in_its_words(folder, engine):
    for name in ENGINES:
        (engine / name).write_text("#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n")
        (engine / name).chmod(0o755)
    folder.write(FILE)
    done = folder.up(status=1)
    assert "db failed: runs on docker (db:1), and " in done.stderr
    assert "docker does not answer: Cannot connect to the daemon" in done.stderr


def test_a_client_without_its_daemon_does_not_hide_an_engine_that_answers(folder, engine):
    (engine / "podman").write_text(ENGINE)
    (engine / "podman").chmod(0o755)
    (engine / "docker").write_text("#!/bin/sh\nexit 1\n")
    folder.write(FILE).up()
    assert "run --rm" in (engine / "said").read_text()
    folder.down()


def test_no_engine_at_all_is_told(folder):
    from devtools.manifest import containers
    from devtools.manifest.load import judge
    from devtools.workspace import Workspace

    found = judge(folder.write(FILE).root / "automations.yaml").automations
    missing = containers.find(Workspace(folder.root, None, folder.state), found, {"PATH": "/nowhere"}).missing
    assert missing == "there is no container engine: no docker and no podman on the PATH"
