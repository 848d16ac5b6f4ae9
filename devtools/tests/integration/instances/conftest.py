"""A home with git, a web server, a database and a migration; nothing of it outlives its tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from devtools.postgres.home import lent_folder
from devtools.workspace import Workspace

AUTOMATIONS = """\
services:
  web:
    name: Web
    triggeredBy: [postEnvironmentStart]
    commands: {start: exec python3 -u -m http.server $PORT --bind 127.0.0.1}
"""
WITH_DATABASE = """\
  postgres:
    name: Postgres
    commands: {start: exec devtools postgres run, ready: devtools postgres ready}
tasks:
  migrate:
    name: Migrate
    command: exec python3 -P migrate.py
    triggeredBy: [postEnvironmentStart]
"""
OVERLAY = """\
workspace: home
repositories: {alpha: {path: alpha}}
ports: {web: WEB, postgres: POSTGRES}
services:
  web: {ports: [web], ready: {http: {port: web}}, env: {PORT: "${ports.web}"}, stop: {grace: 5s}}
"""
OVERLAY_OF_DATABASE = """\
  postgres: {ports: [postgres], stop: {signal: SIGINT, grace: 30s}}
tasks: {migrate: {dependsOn: {postgres: ready}}}
database: {service: postgres, port: postgres, name: shop, owner: shop_owner, user: shop_app}
"""
MIGRATE = """\
import os, pathlib, psycopg
with psycopg.connect(os.environ["MIGRATION_DATABASE_URL"]) as conn:
    for file in sorted(pathlib.Path("migrations").iterdir()):
        conn.execute(file.read_text())
"""
MIGRATION = "CREATE TABLE IF NOT EXISTS item (id int); GRANT ALL ON item TO shop_app;\n"


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    numbers = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


class Home:
    """A workspace under git, and the commands run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVTOOLS_", "PG", "DATABASE_", "MIGRATION_", "GIT_", "PYTEST"))
        } | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(root.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
        }  # fmt: skip

    def make(self, *, database: bool) -> Home:
        web, postgres = free_ports(2)
        self.root.mkdir(parents=True)
        overlay = OVERLAY.replace("WEB", str(web)).replace("POSTGRES", str(postgres))
        files = {
            "automations.yaml": AUTOMATIONS + (WITH_DATABASE if database else ""),
            "workspace.yaml": overlay + (OVERLAY_OF_DATABASE if database else ""),
            ".gitignore": ".devtools/\n.env\nalpha/\n",
            "migrate.py": MIGRATE,
            "migrations/0001.sql": MIGRATION,
        }
        for name, text in files.items():
            (self.root / name).parent.mkdir(exist_ok=True)
            (self.root / name).write_text(text)
        self.repository(self.root)
        alpha = self.root / "alpha"
        alpha.mkdir()
        (alpha / "one").write_text("1\n")
        self.repository(alpha)
        return self

    def repository(self, folder: Path) -> None:
        self.git(folder, "init", "--quiet", "--initial-branch=main")
        self.git(folder, "add", "--all")
        self.git(folder, "commit", "--quiet", "-m", "one")

    def git(self, folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one command, as the leader of a process group."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "devtools", *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, which must be `status`."""
        process = self.begin(*arguments)
        try:
            out, err = process.communicate(timeout=300)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == status, out + err
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *arguments: str) -> Any:
        """The JSON that one command prints."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def tree(self, name: str) -> Path:
        return self.root / ".devtools" / "instances" / name / "tree"

    def worktrees(self) -> set[str]:
        """The folders that git knows as worktrees of the home's repositories, but for their own."""
        found: set[str] = set()
        for folder in (self.root, self.root / "alpha"):
            lines = self.git(folder, "worktree", "list", "--porcelain").splitlines()
            found |= {line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")}
        return found - {str(self.root), str(self.root / "alpha")}

    def branches(self) -> set[str]:
        return {
            self.git(folder, "branch", "--format=%(refname:short)")
            for folder in (self.root, self.root / "alpha")
        }

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started for the home or one of its instances."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                state = process.environ().get("DEVTOOLS_STATE_DIR", "")
                words = " ".join(process.cmdline())
                if process.status() != psutil.STATUS_ZOMBIE and (
                    state.startswith(str(self.root)) or f"devtools.supervisor {self.root}" in words
                ):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def clear(self) -> None:
        """End everything, whatever the test left."""
        self.begin("down").communicate(timeout=300)
        for process in self.processes():
            process.kill()
        for state in [self.root / ".devtools", *self.root.glob(".devtools/instances/*/tree/.devtools")]:
            folder = lent_folder(state.resolve() / "postgres")
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".checkout").unlink(missing_ok=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of two repositories without a database."""
    made = Home(tmp_path / "home").make(database=False)
    yield made
    made.clear()


@pytest.fixture(scope="module")
def home_with_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home of two repositories with a database; nothing of it runs yet."""
    made = Home(tmp_path_factory.mktemp("instances") / "home").make(database=True)
    yield made
    made.clear()


def within(home: Home, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The home, for calls inside of this process."""
    for name in set(os.environ) - set(home.environment):
        monkeypatch.delenv(name)
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    return Workspace(home.root, home.root / "automations.yaml", home.root / ".devtools")


@pytest.fixture
def here(home: Home, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The home without a database, for calls inside of this process."""
    return within(home, monkeypatch)


@pytest.fixture
def here_with_database(home_with_database: Home, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The home with a database, for calls inside of this process."""
    return within(home_with_database, monkeypatch)
