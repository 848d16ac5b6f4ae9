"""Files that call the platform back: `gitpod …` and `ona …` from within services and tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devtools.cli.app import main

FILE = """
services:
  web:
    name: W
    triggeredBy: [postDevcontainerStart]
    commands: {start: exec sleep 600, ready: gitpod environment port open 8080 --name Web --dont-wait}
  extra: {name: E, commands: {start: exec sleep 600}}
tasks:
  open:
    name: O
    triggeredBy: [postEnvironmentStart]
    dependsOn: [web]
    command: |
      set -e
      url=$(ona env port open 9000 --name Nine --protocol https)
      echo "$url" > url
      ona automations service start extra --environment-id 123
      ona automations service status extra | grep -q running
      gitpod automations task list -o json > tasks.json
      gitpod automations task start helper
      gitpod env port list -o json > ports.json
      ona idp login aws && exit 9
      true
  helper: {name: H, command: touch helped}
"""


def test_a_task_starts_a_service_and_opens_ports_while_up_is_at_work(folder):
    folder.write(FILE)
    folder.up()
    assert (folder.root / "url").read_text() == "https://localhost:9000\n"
    ports = json.loads((folder.root / "ports.json").read_text())
    assert [(item["port"], item["name"], item["url"]) for item in ports] == [
        (8080, "Web", "http://localhost:8080"),
        (9000, "Nine", "https://localhost:9000"),
    ]
    listed = {task["id"]: task["phase"] for task in json.loads((folder.root / "tasks.json").read_text())}
    assert listed["open"] == "running"
    assert (folder.root / "helped").exists()
    assert folder.status()["extra"]["phase"] == "running"
    assert folder.run("automations", "service", "stop", "web", "extra").returncode == 0
    assert folder.run("automations", "service", "status", "extra").returncode == 1
    log = folder.run("logs", "open").stdout
    assert "`ona idp login aws` is for the platform alone" in log
    assert "--environment-id means nothing here" in log


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace in which commands run in this process."""
    monkeypatch.chdir(tmp_path)
    for name in ("DEVTOOLS_STATE_DIR", "DEVTOOLS_WORKSPACE", "DEVTOOLS_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path


def test_what_the_platforms_own_program_can_do_is_left_to_it(here, monkeypatch):
    theirs = here / "theirs"
    theirs.mkdir()
    (theirs / "ona").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{here / '.devtools/bin'}:{theirs}:/usr/bin")
    became: list[list[str]] = []

    def become(_: str, words: list[str]) -> None:
        became.append(words)
        raise SystemExit(0)

    monkeypatch.setattr("os.execv", become)
    with pytest.raises(SystemExit):
        main(["platform", "ona", "environment", "port", "open", "1"])
    assert became == [[str(theirs / "ona"), "environment", "port", "open", "1"]]


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("environment port open", 2, "a number from 1 to 65535"),
        ("environment port open 99999", 2, "a number from 1 to 65535"),
        ("environment port", 2, "list, open or close"),
        ("environment port preview 1", 2, "list, open or close"),
        ("whoami", 1, "for the platform alone"),
        ("", 1, "for the platform alone"),
    ],
)
def test_what_cannot_be_answered_is_one_clear_line(here, capsys, line, status, said):
    assert main(["platform", "gitpod", *line.split()]) == status
    assert said in capsys.readouterr().err


def test_a_port_that_is_closed_is_listed_no_more(here, capsys):
    for line in ("port open 80 --name=a", "port open 81", "port close 80", "port close 80", "port list"):
        assert main(["platform", "ona", "env", *line.split()]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "PORT  NAME  URL",
        "81    -     http://localhost:81",
    ]


def test_foreign_files_are_judged_in_one_table(here, capsys):
    (here / "good.yaml").write_text("tasks: {t: {name: T, command: x}}\n")
    (here / "bad.yaml").write_text("services: {a: {nmae: A, commands: {strat: x}}}\nsecrets: {}\n")
    assert main(["automations", "validate", "good.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "FILE       VERDICT  ERRORS  WARNINGS  SERVICES  TASKS",
        "good.yaml  valid    0       0         0         1",
    ]
    assert main(["automations", "validate", "good.yaml", "bad.yaml"]) == 2
    shown = capsys.readouterr().out
    assert "bad.yaml:1:16: services.a.nmae: unknown key `nmae` (did you mean `name`?)" in shown
    assert "bad.yaml:1:36: services.a.commands.strat: unknown key `strat` (did you mean `start`?)" in shown
    assert "bad.yaml:2:1: secrets: unknown key `secrets`" in shown
    assert shown.splitlines()[-1].split() == ["bad.yaml", "invalid", "4", "1", "0", "0"]
    assert main(["automations", "validate", "good.yaml", "bad.yaml", "-o", "json"]) == 2
    verdicts = json.loads(capsys.readouterr().out)
    assert [(item["file"], item["valid"], len(item["errors"])) for item in verdicts] == [
        ("good.yaml", True, 0),
        ("bad.yaml", False, 4),
    ]
    assert main(["automations", "validate", "good.yaml", "-o", "xml"]) == 2


def test_the_published_schemas_are_printed(here, capsys):
    for name in ("automations", "workspace"):
        assert main(["automations", "schema", name]) == 0
        assert json.loads(capsys.readouterr().out)["$schema"]
    assert main(["automations", "schema", "automation"]) == 2
    assert "did you mean `automations`?" in capsys.readouterr().err
