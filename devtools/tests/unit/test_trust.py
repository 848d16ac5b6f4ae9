"""What a cloned repository would have run, how it is shown, and where a clone stands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from devtools import trust
from devtools.repositories import fetch


def texts(folder, home=None, path=""):
    return [command.text for command in trust.commands_of(folder, home or folder, path)]


def test_the_note_in_git_has_one_name():
    assert trust.MARK == fetch.MARK


def test_it_runs_before_any_install():
    done = subprocess.run([sys.executable, "-I", "-S", trust.__file__, "/nowhere"], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("web/run", True),
        ("cd web && ./run", True),
        ("bash ${DEVTOOLS_WORKSPACE}/web/run", True),
        ("cd web; sh run", True),
        ("web/deep/tool.py --fast", True),
        ("cat web/compose.yml", True),
        ("web/notes", False),
        ("./run", False),
        ("myweb/run", False),
    ],
)
def test_files_that_the_workspace_names_are_found(tmp_path, words, named):
    web = tmp_path / "web"
    (web / "deep").mkdir(parents=True)
    for name in ("run", "deep/tool.py", "compose.yml"):
        (web / name).write_text("")
    (web / "run").chmod(0o755)
    (tmp_path / "automations.yaml").write_text(f"tasks: {{t: {{command: '{words}'}}}}")
    assert bool(texts(web, tmp_path, "web")) == named


def test_build_programs_plugins_and_scripts_are_shown(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["own"]\nbuild-backend = "own"\nbackend-path = ["build", "../x", "/"]\n'
        '[project.scripts]\na = "m:a"\n[project.gui-scripts]\nw = "m:w"\n'
        '[project.entry-points.pytest11]\np = "m"\n'
    )
    (tmp_path / "package.json").write_text('{"scripts": {"postinstall": "node x.js", "bad": 1}}')
    (tmp_path / "Makefile").write_text("all:\n")
    assert sorted(texts(tmp_path)) == [
        "builds with own (own)",
        "file Makefile",
        "package script bad: 1",
        "package script postinstall: node x.js",
        "plug-in of pytest11 p = m",
        "program a = m:a",
        "program of a window w = m:w",
    ]


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("pyproject.toml", "[build-system]\nbuild-backend = 'own'\nbackend-path = ['build']\n# c\n", False),
        (
            "pyproject.toml",
            "[build-system]\nbuild-backend = 'own'\nbackend-path = ['build']\n[tool.hatch]\na=1",
            True,
        ),
        (
            "pyproject.toml",
            "[build-system]\nbuild-backend = 'own'\nbackend-path = ['build']\n[tool.ruff]\na=1",
            False,
        ),
        ("build/own.py", "other = 1\n", True),
        ("web.py", "other = 1\n", False),
        ("setup.py", "", True),
    ],
)
def test_only_what_is_run_asks_again(tmp_path, file, text, changes):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/own.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(
        "[build-system]\nbuild-backend = 'own'\nbackend-path = ['build']\n"
    )
    before = {command.digest for command in trust.commands_of(tmp_path, tmp_path)}
    (tmp_path / file).write_text(text)
    assert ({command.digest for command in trust.commands_of(tmp_path, tmp_path)} != before) == changes


@pytest.mark.parametrize(
    "text", ["[", "build-system = 1", "a = " + "[" * 5000, "[build-system]\nrequires = 1\n"]
)
def test_a_pyproject_that_makes_no_sense_is_still_one_command(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert len(texts(tmp_path)) == 1


def test_nothing_that_is_shown_can_move_the_cursor_or_turn_around(tmp_path):
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"x\x1b[2K": "rm \u202e fr\r-rf"}}))
    (command,) = trust.commands_of(tmp_path, tmp_path)
    line = trust.one_line(trust.Brought("web", "https://x/\x07", [command]))
    assert line.isprintable()
    assert r"x\x1b[2K: rm \u202e fr ⏎ -rf" in line


@pytest.mark.parametrize(
    ("own", "url", "beside"),
    [
        ("https://git.example/shop/workspace.git", "https://git.example/shop/web.git", True),
        ("https://me:secret@git.example/shop/workspace", "https://git.example/shop/web.git/", True),
        ("git@git.example:shop/workspace.git", "git@git.example:shop/web.git", True),
        ("/srv/git/workspace.git", "/srv/git/web.git", True),
        ("https://git.example/shop/workspace.git", "https://git.example/other/web.git", False),
        ("https://git.example/shop/workspace.git", "http://git.example/shop/web.git", False),
        ("https://git.example/shop/workspace.git", "https://git.example/shop/../other/web.git", False),
        ("", "https://git.example/shop/web.git", False),
    ],
)
def test_what_stands_beside_the_workspace_is_of_the_same_hand(tmp_path, own, url, beside):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    if own:
        subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", own], check=True)
    assert fetch.stands_beside(tmp_path, url) == beside
