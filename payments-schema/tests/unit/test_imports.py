"""Imports go down only."""

import subprocess
import sys
from pathlib import Path

ROOM = Path(__file__).parents[2]


def test_imports_go_down_only():
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [linter, "--config", ".importlinter", "--no-cache"],
        cwd=ROOM,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
