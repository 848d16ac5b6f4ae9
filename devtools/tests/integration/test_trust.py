"""Commands of repositories that devtools cloned: asked once at a real terminal, refused without one."""

from __future__ import annotations

import fcntl
import os
import select
import stat
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from devtools_waiting import until

PATIENCE_S = 60
QUESTION = "Run them, here and wherever else they are the same? [y/N] "
RUN = "#!/bin/sh\necho ran >> ../ran\n"
AUTOMATIONS = """\
services:
  s: {name: S, triggeredBy: [postEnvironmentStart], commands: {start: "cd web && ./run.sh && exec sleep 600"}}
tasks:
  t: {name: T, triggeredBy: [beforeSnapshot], command: cd web && ./run.sh}
"""
OF_ITS_OWN = (
    "services:\n  own: {name: Own, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 601}}\n"
)
SHOWN = (
    "builds with hatchling.build (hatchling)",
    "program web = web:main",
    "package script clean: rm -rf *",
    "file run.sh",
)
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "web"
version = "1"
[project.scripts]
web = "web:main"
"""


def git(place, *arguments):
    own = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(place), *own, *arguments], check=True, capture_output=True)


@pytest.fixture
def workspace(folder, tmp_path_factory):
    """A workspace with a home of the user's own, and the repository `web` elsewhere, not cloned yet."""
    away = tmp_path_factory.mktemp("away")
    web = away / "web"
    web.mkdir()
    git(web, "init", "--quiet", "--initial-branch=main")
    (web / "run.sh").write_text(RUN)
    (web / "run.sh").chmod(0o755)
    (web / "pyproject.toml").write_text(PYPROJECT)
    (web / "automations.yaml").write_text(OF_ITS_OWN)
    (web / "package.json").write_text('{"scripts": {"clean": "rm -rf *"}}')
    git(web, "add", "--all")
    git(web, "commit", "--quiet", "-m", "first")
    folder.write(AUTOMATIONS, f"repositories: {{web: {{path: web, url: '{web}', ref: main}}}}\n")
    folder.environment["HOME"] = str(away / "home")
    folder.environment.pop("XDG_STATE_HOME", None)
    folder.url = str(web)
    return folder


class Terminal:
    """A devtools command with a terminal of its own, as a person has one."""

    def __init__(self, workspace, *arguments):
        self.ours, theirs = os.openpty()
        self.said = b""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "devtools", *arguments],
            cwd=workspace.root,
            env=workspace.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        workspace.started.append(self.process)

    def read(self):
        """What is there to read within a moment; nothing where the other end is gone."""
        try:
            if select.select([self.ours], [], [], 0.1)[0]:
                self.said += os.read(self.ours, 65536)
        except OSError:
            pass  # EIO: nobody holds the other end any more
        return self.said.decode(errors="replace")

    def answer(self, keys):
        """Press keys once the question is there; the exit status and all that was said."""
        until(lambda: QUESTION in self.read(), "the question", PATIENCE_S)
        os.write(self.ours, keys)
        return self.end()

    def end(self):
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        self.read()
        os.close(self.ours)
        assert self.process.returncode is not None, "it has not ended"
        return self.process.returncode, self.said.decode(errors="replace").replace("\r\n", "\n")


def kept(workspace):
    """What was agreed to, by file."""
    return sorted((Path(workspace.environment["HOME"]) / ".local/state/devtools/trust").glob("*/*.json"))


def test_a_yes_is_kept_by_the_user_and_nothing_is_asked_until_a_command_changes(workspace):
    status, said = Terminal(workspace, "up", "--no-validate").answer(b"y\n")
    assert status == 0, said
    assert (
        f"web was cloned from {workspace.url} and brings these commands:\n  " + "\n  ".join(SHOWN[:3]) in said
    )
    assert "\n    (destroys data when it runs)\n  file run.sh\n" in said
    assert (workspace.root / "ran").read_text() == "ran\n"
    (file,) = kept(workspace)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert workspace.run("task", "start", "t").returncode == 0
    # Code that no command of the workspace names is not asked about; what it names is, and only that.
    (workspace.root / "web/web.py").write_text("changed = True\n")
    assert workspace.run("task", "start", "t").returncode == 0
    (workspace.root / "web/run.sh").write_text(RUN + "echo more\n")
    changed = workspace.run("task", "start", "t")
    assert changed.returncode == 2
    assert "nobody has agreed to its commands `file run.sh`\n" in changed.stderr
    assert (workspace.root / "ran").read_text() == "ran\n" * 3


@pytest.mark.parametrize(
    "keys",
    [b"\n", b"\x04", pytest.param(b"n\n", marks=pytest.mark.long)],
    ids=["enter", "end of input", "no"],
)
def test_whatever_is_no_yes_starts_nothing(workspace, keys):
    status, said = Terminal(workspace, "up", "--no-validate").answer(keys)
    assert status == 2, said
    assert "nobody has agreed to its commands `builds with" in said
    assert workspace.processes() == {}
    assert not (workspace.root / "ran").exists()
    assert kept(workspace) == []


def test_ctrl_c_at_the_question_ends_up_with_130(workspace):
    status, said = Terminal(workspace, "up", "--no-validate").answer(b"\x03")
    assert status == 130, said
    assert "Traceback" not in said
    assert workspace.processes() == {}
    assert kept(workspace) == []


@pytest.mark.long
def test_what_was_typed_before_the_question_is_no_answer(workspace):
    assert workspace.run("repos", "clone").returncode == 0
    terminal = Terminal(workspace, "up", "--no-validate")
    os.write(terminal.ours, b"y\n")
    # Whether it was read as typed ahead depends on the moment; that the question waits does not.
    status, said = terminal.answer(b"n\n")
    assert status == 2, said


def test_without_a_terminal_it_is_refused_in_one_line_and_trust_agrees(workspace):
    assert workspace.run("repos", "clone").returncode == 0
    names = ", ".join(f"`{text}`" for text in SHOWN)
    line = f"web was cloned from {workspace.url}, and nobody has agreed to its commands {names}"
    for words in ("up", "task start t", "service start s", "trigger beforeSnapshot", "automations update"):
        refused = workspace.run(*words.split())
        hint = f"hint: `devtools {words} --trust` agrees to them without a question"
        assert (refused.returncode, refused.stderr) == (2, f"error: {line}\n{hint}\n")
    assert not (workspace.root / "ran").exists()
    assert workspace.processes() == {}
    agreed = workspace.run("task", "start", "t", "--trust")
    assert agreed.returncode == 0, agreed.stderr
    assert f"agreed to by --trust: 4 commands of web ({workspace.url})" in agreed.stderr
    assert len(kept(workspace)) == 1


@pytest.mark.long
def test_restart_asks_where_commands_have_changed_since_the_start(workspace):
    workspace.up("--trust")
    (workspace.root / "web/run.sh").write_text(RUN + "echo more\n")
    refused = workspace.run("restart", "s")
    assert (refused.returncode, workspace.node("s")["phase"]) == (2, "running")
    assert workspace.run("restart", "s", "--trust").returncode == 0


@pytest.mark.long
def test_a_repository_that_the_user_cloned_is_not_asked_about(workspace):
    subprocess.run(["git", "clone", "--quiet", workspace.url, str(workspace.root / "web")], check=True)
    workspace.up()
    assert (workspace.root / "ran").exists()


def test_a_workspace_within_a_cloned_repository_is_asked_for_all_its_commands(workspace):
    assert workspace.run("repos", "clone").returncode == 0
    inner = type(workspace)(workspace.root / "web")
    inner.environment = workspace.environment
    refused = inner.run("up")
    assert refused.returncode == 2
    assert "web was cloned from" in refused.stderr and "`own starts: exec sleep 601`" in refused.stderr
    # What a repository commits says nothing about whether it is to be asked about.
    trick = workspace.root / "web/.devtools/instances/x/tree"
    trick.mkdir(parents=True)
    (trick / "automations.yaml").write_text(OF_ITS_OWN)
    (trick.parents[2] / "instance.json").write_text(f'{{"home": "{workspace.root}", "name": "x"}}')
    deeper = type(workspace)(trick)
    deeper.environment = workspace.environment
    assert deeper.run("up").returncode == 2
    try:
        assert inner.run("up", "--no-validate", "--trust").returncode == 0
    finally:
        inner.clear()


def test_an_instance_is_agreed_to_with_its_home(workspace):
    git(workspace.root, "init", "--quiet", "--initial-branch=main")
    (workspace.root / ".gitignore").write_text(".devtools/\nweb/\nran\n")
    git(workspace.root, "add", "--all")
    git(workspace.root, "commit", "--quiet", "-m", "home")
    assert workspace.run("repos", "clone").returncode == 0
    refused = workspace.run("instance", "create", "one", "--no-validate")
    assert "nobody has agreed to its commands" in refused.stderr
    workspace.up("--trust")
    # Its own commits are the user's doing, as its creation was.
    tree = workspace.root / ".devtools/instances/one/tree"
    (tree / "web/run.sh").write_text(RUN + "echo mine\n")
    made = workspace.run("instance", "create", "one", "--no-validate")
    try:
        assert made.returncode == 0, made.stderr
        assert (tree / "ran").exists()
    finally:
        assert workspace.run("instance", "remove", "one", "--force").returncode == 0
