"""Real git repositories in temporary folders; no configuration of the machine's user is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

AUTOMATIONS = "services:\n  api:\n    name: API\n    commands: {start: sleep 1000}\n"
OVERLAY = """\
workspace: demo
repositories:
  alpha: {path: alpha, url: "${DEMO_GIT_BASE}/alpha.git", ref: main, group: libraries}
  beta: {path: parts/beta, url: "${DEMO_GIT_BASE}/beta.git", ref: main, group: services}

# The ports stay as they are.
ports: {api: 3001}
"""


class Checkout:
    """A folder under git, and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
        }  # fmt: skip

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def devtools(
        self, *arguments: str, status: int | None = 0, **more: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "devtools", *arguments],
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert status is None or done.returncode == status, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done

    def commit(self, **files: str) -> None:
        for name, text in files.items():
            file = self.folder / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", f"changes {', '.join(files)}")


@pytest.fixture(scope="session")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single checkout of two parts (two commits of alpha, one of beta), and what a split makes of it."""
    folder = tmp_path_factory.mktemp("prototype") / "single"
    folder.mkdir()
    checkout = Checkout(folder)
    checkout.git("init", "--quiet", "--initial-branch=main")
    (folder / "automations.yaml").write_text(AUTOMATIONS)
    (folder / "workspace.yaml").write_text(OVERLAY)
    (folder / ".gitignore").write_text(".devtools/\n")
    checkout.commit(alpha__one="1\n", root="r\n")
    checkout.commit(parts__beta__two="2\n")
    checkout.commit(alpha__one="one\n")
    checkout.devtools("repos", "split", "--to", "../out")
    return folder.parent


@pytest.fixture
def single(prototype: Path, tmp_path: Path) -> Checkout:
    """The single checkout, not split yet."""
    shutil.copytree(prototype / "single", tmp_path / "single")
    return Checkout(tmp_path / "single")


@pytest.fixture
def published(prototype: Path, single: Checkout) -> Path:
    """The folder of the repositories that the single checkout was split into."""
    return Path(shutil.copytree(prototype / "out", single.folder.parent / "out"))


@pytest.fixture
def fleet(published: Path) -> Checkout:
    """A clone of the orchestrator with its two parts cloned, each with the remote of its own."""
    folder = published.parent / "fleet"
    folder.mkdir()
    checkout = Checkout(folder)
    checkout.git("clone", "--quiet", str(published / "workspace.git"), ".")
    for name, path in (("alpha", "alpha"), ("beta", "parts/beta")):
        checkout.git("clone", "--quiet", str(published / f"{name}.git"), path)
    return checkout
