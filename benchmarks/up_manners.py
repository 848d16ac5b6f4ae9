"""How `devtools` treats services: how late it sees them ready, how soon it stops them, what their logs cost.

Must not run beside a workspace's own state: every measurement has a folder of its own.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SLOWEST_STOP_S = 2.5
LINES_PER_S, LOG_S, LOG_ROUNDS = 10_000, 3, 3
Devtools = Callable[..., float]

# Writes its lines evenly, then tells how many were written in how many seconds.
CHATTY = """
import sys, time
began, done = time.monotonic(), 0
rate, total = int(sys.argv[1]), int(sys.argv[1]) * int(sys.argv[2])
while done < total:
    due = min(total, int((time.monotonic() - began) * rate))
    sys.stdout.write("".join(f"line {i:08d}\\n" for i in range(done, due)))
    sys.stdout.flush()
    done = due
    time.sleep(0.01)
open(sys.argv[3], "w").write(str(time.monotonic() - began))
time.sleep(3600)
"""
# A neighbour that computes; tells the median time of one piece of work while the chatty one writes.
NEIGHBOUR = """
import statistics, sys, time
end, took = time.monotonic() + float(sys.argv[1]), []
while time.monotonic() < end:
    began = time.perf_counter()
    sum(i * i for i in range(100_000))
    took.append(time.perf_counter() - began)
open(sys.argv[2], "w").write(str(statistics.median(took)))
time.sleep(3600)
"""


def lags(folder: Path) -> list[float]:
    """For every service of a graph that just came up: seconds from its readiness to the supervisor's word."""
    nodes = json.loads((folder / ".devtools" / "state.json").read_text())["nodes"]
    found: list[float] = []
    for name, node in nodes.items():
        if node["ready_at"] is not None:
            found.append(node["ready_at"] - (folder / f"{name}.ok").stat().st_mtime_ns / 1e9)
    return found


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def stopping(folder: Path, devtools: Devtools, rounds: int = 3) -> dict[str, float]:
    """`down` of ten services that need up to SLOWEST_STOP_S, over the slowest one's own stop."""
    folder.mkdir()
    pauses = {f"s{i}": SLOWEST_STOP_S * (i + 1) / 10 for i in range(10)}
    commands = {
        name: f"trap 'sleep {pause}; exit 0' TERM; touch {name}.up; while :; do sleep 3600 & wait; done"
        for name, pause in pauses.items()
    }
    _write(folder, {name: (command, f"test -e {name}.up") for name, command in commands.items()})
    own: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        own.append(_own_stop(folder, "s9", commands["s9"]))
        for name in commands:
            (folder / f"{name}.up").unlink(missing_ok=True)
        devtools(folder, folder / ".devtools", "up", "--no-validate")
        ours.append(devtools(folder, folder / ".devtools", "down"))
    return {"slowest_stop_s": statistics.median(own), "stop_all_s": statistics.median(ours)}


def _own_stop(folder: Path, name: str, command: str) -> float:
    mark = folder / f"{name}.up"
    mark.unlink(missing_ok=True)
    child = subprocess.Popen(["bash", "-c", command], cwd=folder, start_new_session=True)
    while not mark.exists():
        time.sleep(0.005)
    began = time.monotonic()
    os.killpg(child.pid, signal.SIGTERM)
    child.wait()
    return time.monotonic() - began


def logging(folder: Path, devtools: Devtools) -> dict[str, float]:
    """A service of 10,000 lines a second and a neighbour, bare and supervised in turns."""
    folder.mkdir()
    (folder / "chatty.py").write_text(CHATTY)
    (folder / "neighbour.py").write_text(NEIGHBOUR)
    python = sys.executable
    commands = {
        "chatty": f"exec {python} chatty.py {LINES_PER_S} {LOG_S} chatty.took",
        "neighbour": f"exec {python} neighbour.py {LOG_S} neighbour.took",
    }
    _write(folder, {name: (command, None) for name, command in commands.items()})
    ratios: dict[str, list[float]] = {name: [] for name in commands}
    lost = 0
    for _ in range(LOG_ROUNDS):
        bare = _bare(folder, commands)
        devtools(folder, folder / ".devtools", "up", "--no-validate")
        supervised = _took(folder, commands)
        lost += _lost(folder)
        devtools(folder, folder / ".devtools", "down")
        for name in commands:
            ratios[name].append(supervised[name] / bare[name])
    return {
        "log_lines_lost": lost,
        "chatty_over_bare": statistics.median(ratios["chatty"]),
        "neighbour_over_bare": statistics.median(ratios["neighbour"]),
    }


def _bare(folder: Path, commands: dict[str, str]) -> dict[str, float]:
    with (folder / "bare.out").open("wb") as output:
        children = [
            subprocess.Popen(["bash", "-c", command], cwd=folder, stdout=output)
            for command in commands.values()
        ]
    try:
        return _took(folder, commands)
    finally:
        for child in children:
            child.kill()
            child.wait()


def _took(folder: Path, commands: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    while len(found) < len(commands):
        for name in commands:
            path = folder / f"{name}.took"
            if name not in found and path.exists() and (text := path.read_text()):
                found[name] = float(text)
        time.sleep(0.01)
    for name in commands:
        (folder / f"{name}.took").unlink()
    return found


def _lost(folder: Path) -> int:
    """Lines of the last run that its log does not hold."""
    lines = (folder / ".devtools" / "logs" / "chatty.log").read_text().splitlines()
    expected = LINES_PER_S * LOG_S
    return sum(f"line {i:08d}" != line for i, line in enumerate(lines[-expected:])) + max(
        0, expected - len(lines)
    )


def _write(folder: Path, commands: dict[str, tuple[str, str | None]]) -> None:
    services = {
        name: {
            "name": name,
            "triggeredBy": ["postEnvironmentStart"],
            "commands": {"start": start} | ({"ready": ready} if ready else {}),
        }
        for name, (start, ready) in commands.items()
    }
    (folder / "automations.yaml").write_text(json.dumps({"services": services}))
