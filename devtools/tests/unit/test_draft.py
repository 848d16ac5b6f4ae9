"""First files drafted from what a folder holds: always valid, nothing invented."""

from __future__ import annotations

import json
import random

import pytest

from devtools.cli.app import main
from devtools.manifest.draft import Draft, draft
from devtools.manifest.load import judge
from devtools.manifest.source import parse


def drafted(folder, **files: str) -> tuple[dict[str, str], dict[str, str]]:
    """The starts of the services and the commands of the tasks drafted for these files; the text is valid."""
    for name, text in files.items():
        (folder / name.replace("__", "-").replace("_", ".")).write_text(text)
    file = folder / "automations.yaml"
    file.write_text(draft(folder).text())
    verdict = judge(file)
    assert verdict.valid, verdict.errors
    assert verdict.warnings == []
    found = verdict.automations
    return (
        {name: item.start for name, item in found.services.items()},
        {name: item.command for name, item in found.tasks.items()},
    )


def test_a_procfile_gives_services_with_the_ports_that_foreman_would_give(tmp_path):
    text = (
        "# all\nweb: gunicorn -b :$PORT 'app:make(\"x\")'\nworker: celery worker\nrelease: ./migrate\nbad\n"
    )
    (tmp_path / "Procfile").write_text(text)
    assert drafted(tmp_path) == (
        {
            "web": "export PORT=${PORT:-5000}; gunicorn -b :$PORT 'app:make(\"x\")'",
            "worker": "celery worker",
        },
        {"release": "./migrate"},
    )


def test_a_compose_file_gives_services_that_stay_in_the_foreground(tmp_path):
    text = (
        "services:\n  db:\n    image: postgres\n    ports: ['127.0.0.1:5433:5432']\n"
        "  web:\n    build: .\n    ports:\n      - {target: 80, published: 8080}\n  job: {image: x}\n"
    )
    services, tasks = drafted(tmp_path, docker__compose_yml=text)
    assert services == {name: f"docker compose up {name}" for name in ("db", "web", "job")}
    assert tasks == {}
    found = judge(tmp_path / "automations.yaml").automations.services
    assert found["db"].ready == "echo > /dev/tcp/127.0.0.1/5433"
    assert found["web"].ready == "echo > /dev/tcp/127.0.0.1/8080"
    assert (found["job"].ready, found["job"].stop) == (None, "docker compose stop job")


def test_package_scripts_and_a_python_project_do_not_collide(tmp_path):
    scripts = {"dev": "vite", "start": "node .", "test": "vitest", "postinstall": "x"}
    services, tasks = drafted(
        tmp_path,
        package_json=json.dumps({"scripts": scripts}),
        pnpm__lock_yaml="",
        pyproject_toml="[tool.pytest.ini_options]\n",
        uv_lock="",
    )
    assert services == {"dev": "pnpm run dev"}
    assert tasks == {
        "install": "pnpm install --frozen-lockfile",
        "test": "pnpm run test",
        "install-2": "uv sync",
        "test-2": "uv run pytest",
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", "[]"),
        ("package.json", "{"),
        ("pyproject.toml", "= 1"),
        ("compose.yaml", "services: [a]"),
        ("compose.yaml", "\x00"),
        ("Procfile", "\n\n"),
        ("manage.py", "print()"),
    ],
)
def test_what_cannot_be_read_is_passed_over(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = draft(tmp_path)
    assert (found.services, found.tasks, found.sources) == ({}, {}, [])


AWKWARD = "ab01 \t\n\r'\"\\:#-{}[]&*!|>%@`~,?=é日𐀀\x00\x1b\x7f\x85\xa0\u2028\u2029\ufeff\ufffe"


def test_any_command_comes_back_as_it_was():
    chance = random.Random(2026)
    texts = ["yes", "null", "1", "1.5", "~", "-", "a: b", "a #b", "<<", "2026-11-21", *AWKWARD]
    texts += ["".join(chance.choices(AWKWARD, k=chance.randint(1, 12))) for _ in range(300)]
    for command in texts:
        found = Draft()
        found.service(command, command)
        document, problems = parse(found.text().encode(), "f")
        assert problems == [], command
        services = document.get("services") if document else None
        assert services is not None
        item = services.pairs[0][1]
        assert item.get("name").text == command
        assert item.get("commands").get("start").text == command
        assert item.get("commands").get("start").kind == "string"


def test_init_never_overwrites(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Procfile").write_text("web: app\n")
    assert main(["init"]) == 0
    before = (tmp_path / "automations.yaml").read_text()
    assert "drafted from Procfile" in before
    assert main(["automations", "init"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "automations.yaml").read_text() == before
    assert main(["automations", "init", ".ona/automations.yaml"]) == 0
    assert main(["init", "-"]) == 0
    assert capsys.readouterr().out == before == (tmp_path / ".ona/automations.yaml").read_text()
