"""An environment of its own for stock dramatiq-pg, made once from the lock beside this file.

Must not be imported by a program: tests and the benchmark use it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
PROGRAM = HERE / "stock_program.py"


def python() -> str:
    """The interpreter of the environment, which is made where it is missing; safe side by side."""
    state = Path(os.environ.get("DEVTOOLS_STATE_DIR") or HERE.parents[2] / ".devtools")
    name = f"stock-dramatiq-pg-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    folder = state / name
    interpreter = folder / "bin" / "python"
    state.mkdir(parents=True, exist_ok=True)
    with (state / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, interpreter)
            (folder / "complete").touch()
    return str(interpreter)


def _make(folder: Path, interpreter: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is not None:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        _run(
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                str(interpreter),
                "--require-hashes",
                "-r",
                str(LOCK),
            ]
        )
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(interpreter), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
