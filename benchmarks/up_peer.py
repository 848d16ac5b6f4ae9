"""The same commands under honcho, for comparison with `up`.

Must not help or hinder it: honcho knows no order, so its commands wait for each other as its users write it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import up_graphs as graphs

LOOK_S = 0.005
PATIENCE_S = 120.0


def procfile(graph: graphs.Graph) -> str:
    """The graph as a Procfile whose commands wait for what they need."""
    lines: list[str] = []
    for name, needs in graph.edges.items():
        waits = "".join(f"until test -e {need}.ok; do sleep {graphs.PAUSE_S}; done; " for need in needs)
        lines.append(f"{name}: {waits}{graphs.command(graph, name)}\n")
    return "".join(lines)


def last_mark(graph: graphs.Graph, folder: Path) -> float:
    """When the last service was ready, by its own mark."""
    return max((folder / f"{name}.ok").stat().st_mtime for name in graph.edges)


def start_to_ready(graph: graphs.Graph, folder: Path) -> float:
    """Seconds from `honcho start` until every service is ready."""
    (folder / "Procfile").write_text(procfile(graph))
    began = time.time()
    with (folder / "honcho.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "honcho", "start"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        waiting = [folder / f"{name}.ok" for name in graph.edges]
        while waiting := [path for path in waiting if not path.exists()]:
            if process.poll() is not None or time.time() - began > PATIENCE_S:
                raise SystemExit(f"honcho: {(folder / 'honcho.out').read_text()}")
            time.sleep(LOOK_S)
        return last_mark(graph, folder) - began
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
