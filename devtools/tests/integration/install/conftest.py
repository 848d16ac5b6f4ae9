"""A small workspace with one package, installed by the real `dev` from a part of the real lock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
# What it takes to install an editable package, and uv itself.
NAMES = ("uv", "hatchling", "editables", "packaging", "pathspec", "pluggy", "trove-classifiers", "tomli")
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "devtools"
version = "1"
[project.scripts]
devtools = "demo:main"
[tool.hatch.build.targets.wheel]
packages = ["src/demo"]
"""
MAIN = 'import sys\ndef main():\n    print("demo", *sys.argv[1:])\n'


@dataclass
class Demo:
    """A checkout whose `devtools` only prints its arguments."""

    folder: Path
    environment: dict[str, str]

    def dev(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.folder / "dev"), *arguments],
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def stamp(self) -> Path:
        return self.folder / ".venv" / ".installed"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    if not (ROOT / "requirements.lock").is_file():
        pytest.skip("devtools is checked out alone")
    folder = tmp_path / "work space"  # a path with a space in it
    package = folder / "devtools"
    (package / "src" / "demo").mkdir(parents=True)
    (package / "src" / "demo" / "__init__.py").write_text(MAIN)
    (package / "pyproject.toml").write_text(PYPROJECT)
    target = package / "src" / "devtools" / "install"
    target.mkdir(parents=True)
    shutil.copy(ROOT / "devtools/src/devtools/install/bootstrap.py", target)
    shutil.copy(ROOT / "devtools/src/devtools/trust.py", target.parent)
    shutil.copy(ROOT / "dev", folder)
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text())
    kept = [block for block in blocks if block.split("==")[0] in NAMES]
    (folder / "requirements.lock").write_text("\n".join(kept) + "\n")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "SSL_", "HOME", "LANG"))
    }
    # A PATH without this environment's own uv: pip has to bring the one of the lock.
    environment["PATH"] = f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    yield Demo(folder, environment)
