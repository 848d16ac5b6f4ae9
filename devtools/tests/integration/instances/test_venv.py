"""An instance's environment: its own sources, its home's packages, and nothing where the two would differ."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from devtools.instances import venv

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
PROGRAM = "#!{python}\nimport sys, part, package\nprint(part.__file__, package.__file__, sys.prefix)\n"


@pytest.fixture
def home(tmp_path):
    """A workspace with one part, whose environment has one package and one program."""
    root = tmp_path / "home"
    (root / "one" / "src" / "part").mkdir(parents=True)
    (root / "one" / "src" / "part" / "__init__.py").write_text("WHERE = __file__\n")
    (root / "one" / "pyproject.toml").write_text("[project]\n")
    (root / "requirements.lock").write_text("package==1\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")], check=True)
    packages = next((root / ".venv" / "lib").glob("python*/site-packages"))
    (packages / "package.py").write_text("")
    (packages / "one.pth").write_text(f"{root / 'one' / 'src'}\n")
    program = root / ".venv" / "bin" / "program"
    program.write_text(PROGRAM.format(python=root / ".venv" / "bin" / "python"))
    program.chmod(0o755)
    (root / ".venv" / venv.NOTE).write_bytes(venv.wanted(root))
    subprocess.run(
        [str(program)], check=True, capture_output=True, env=ENVIRONMENT
    )  # compiles what it imports
    return root


def copy_of(home, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(
        home, tree, ignore=shutil.ignore_patterns(".venv", "__pycache__"), copy_function=shutil.copy
    )
    return tree


def test_programs_of_an_instance_run_its_own_sources_with_its_homes_packages(home, tmp_path):
    tree = copy_of(home, tmp_path)
    assert venv.overlay(home, tree)
    asked = [str(tree / ".venv" / "bin" / "program")]
    said = subprocess.run(asked, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    part, package, prefix = said.stdout.split()
    assert part == str(tree / "one" / "src" / "part" / "__init__.py")
    assert package.startswith(str(home)) and prefix == str(tree / ".venv")
    compiled = list((tree / "one" / "src" / "part" / "__pycache__").iterdir())
    assert len(compiled) == 1
    assert compiled[0].read_bytes() == next((home / "one/src/part/__pycache__").iterdir()).read_bytes(), (
        "the home's bytecode is valid here, so it was not written anew"
    )
    asked = [str(tree / ".venv" / "bin" / "python"), "-c", "import part; print(part.WHERE)"]
    assert subprocess.run(
        asked, env=ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout.startswith(str(tree))
    (tree / ".venv" / "mark").touch()
    assert venv.overlay(home, tree) and (tree / ".venv" / "mark").exists(), "a whole one is left alone"


def test_where_the_packages_would_differ_there_is_no_such_environment(home, tmp_path):
    tree = copy_of(home, tmp_path)
    (tree / "requirements.lock").write_text("package==2\n")
    assert not venv.overlay(home, tree)
    (home / ".venv" / venv.NOTE).unlink()
    (tree / "requirements.lock").write_text("package==1\n")
    assert not venv.overlay(home, tree)
    assert not (tree / ".venv").exists()
