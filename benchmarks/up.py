"""How much `devtools up` costs above an ideal start of the same commands, how honcho does, and what rests.

Must not disturb a running workspace: every run has a state folder of its own. The ideal is a bare loop in the
same run that starts each command the moment what it depends on is ready.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import up_graphs as graphs
import up_manners as manners
import up_peer as peer

ROUNDS = 3
PAIRS = 5  # of starts, which vary: the ratio of each pair is taken, then the middle one
IDLE_S = 10.0
LOOP_S = 0.005
PATIENCE_S = 120.0
DEVTOOLS = [sys.executable, "-P", "-m", "devtools"]
TARGETS = {
    "over_ideal": 1.10,
    "over_honcho": 1.0,
    "detection_lag_p95_s": 0.1,
    "stop_over_slowest": 1.2,
    "second_up_s": 1.0,
    "idle_cpu_percent": 1.0,
    "supervisor_mb": 60.0,
    "log_lines_lost": 0,
    "chatty_over_bare": 1.05,
    "neighbour_over_bare": 1.05,
}
Ready = Callable[[], bool]


def environment(state: Path) -> dict[str, str]:
    """This process's environment without what belongs to a running workspace."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DEVTOOLS_", "PG", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE"))
    }
    return {**kept, "DEVTOOLS_STATE_DIR": str(state)}


def devtools(folder: Path, state: Path, *arguments: str) -> float:
    """Run one command; its wall time. Ends the benchmark with its words where it fails."""
    began = time.monotonic()
    done = subprocess.run(
        [*DEVTOOLS, *arguments], cwd=folder, env=environment(state), capture_output=True, text=True
    )
    took = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"devtools {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return took


class Loop:
    """The ideal: every command started the moment that its dependencies are ready."""

    def __init__(self, folder: Path, outputs: Path) -> None:
        self.folder = folder
        self.outputs = outputs
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def run(
        self,
        commands: dict[str, str],
        edges: dict[str, list[str]],
        ready: dict[str, Ready | None],
        environments: dict[str, dict[str, str]],
    ) -> float:
        """Seconds until all are ready; a task (ready None) is so when it has ended with 0."""
        began = time.monotonic()
        done: set[str] = set()
        while len(done) < len(commands):
            for name in commands:
                if name not in self.children and all(need in done for need in edges[name]):
                    self.children[name] = self._start(name, commands[name], environments[name])
                if name in self.children and name not in done and self._is_ready(name, ready[name]):
                    done.add(name)
            if time.monotonic() - began > PATIENCE_S:
                raise SystemExit(f"the ideal loop waits in vain for {set(commands) - done}")
            time.sleep(LOOP_S)
        return time.monotonic() - began

    def _start(self, name: str, command: str, variables: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.outputs / f"{name}.out").open("wb") as output:
            return subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _is_ready(self, name: str, ready: Ready | None) -> bool:
        if ready is not None:
            return ready()
        code = self.children[name].poll()
        if code:
            raise SystemExit(f"{name} exited {code}: {(self.outputs / f'{name}.out').read_text()}")
        return code == 0

    def stop(self, signals: dict[str, str], order: list[str]) -> None:
        """End everything, dependents first."""
        for name in reversed(order):
            child = self.children[name]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.Signals[signals.get(name, "SIGTERM")])
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


class Times(NamedTuple):
    """Seconds until all was ready, round by round; the lags are of every service that came up.

    `ours` ends when `up` has said so, `ready` when the last service was, which is how the peer is timed too:
    honcho does not know readiness, so the services' own marks are the witness for both.
    """

    ideal: list[float]
    ours: list[float]
    ready: list[float]
    peer: list[float]
    lags: list[float]


def over(ours: list[float], others: list[float]) -> float:
    """The median of ours over theirs, round by round: what slows a round slows both of it."""
    return statistics.median(own / other for own, other in zip(ours, others, strict=True))


def synthetic(graph: graphs.Graph, room: Path) -> Times:
    """The ideal, ours and honcho in turns over one graph."""
    folder = room / graph.name
    folder.mkdir()
    (folder / "automations.yaml").write_text(graphs.automations(graph))
    (folder / "workspace.yaml").write_text(graphs.overlay(graph))
    state = folder / ".devtools"
    times = Times([], [], [], [], [])
    for _ in range(PAIRS):
        clear(folder, graph)
        loop = Loop(folder, folder)
        times.ideal.append(
            loop.run(
                {name: graphs.command(graph, name) for name in graph.edges},
                graph.edges,
                {name: (folder / f"{name}.ok").exists for name in graph.edges},
                {name: dict(os.environ) for name in graph.edges},
            )
        )
        loop.stop({}, list(graph.edges))
        clear(folder, graph)
        began = time.time()
        times.ours.append(devtools(folder, state, "up", "--no-validate"))
        times.ready.append(peer.last_mark(graph, folder) - began)
        devtools(folder, state, "down")
        times.lags.extend(manners.lags(folder))
        clear(folder, graph)
        times.peer.append(peer.start_to_ready(graph, folder))
    return times


def clear(folder: Path, graph: graphs.Graph) -> None:
    """Forget that services were ready."""
    for name in graph.edges:
        (folder / f"{name}.ok").unlink(missing_ok=True)


def at_rest(room: Path) -> dict[str, float]:
    """A second `up` with everything running, and the supervisor's processor share and memory meanwhile."""
    graph = graphs.wide(40, 0.1)
    folder = room / "rest"
    folder.mkdir()
    (folder / "automations.yaml").write_text(graphs.automations(graph))
    (folder / "workspace.yaml").write_text(graphs.overlay(graph))
    state = folder / ".devtools"
    devtools(folder, state, "up", "--no-validate")
    again = [devtools(folder, state, "up") for _ in range(ROUNDS)]
    pid = json.loads((state / "supervisor.json").read_text())["pid"]
    before = ticks(pid)
    time.sleep(IDLE_S)
    share = (ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / IDLE_S * 100
    status = Path(f"/proc/{pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    devtools(folder, state, "down")
    return {
        "second_up_s": statistics.median(again),
        "idle_cpu_percent": share,
        "supervisor_mb": int(resident[1]) / 1024 if resident else 0.0,
    }


def ticks(pid: int) -> int:
    """Processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def real(root: Path, room: Path) -> Times:
    """The ideal and ours of this workspace's own services in turns, warm, in a state folder of their own."""
    state = room / "state"
    devtools(root, state, "up", "--no-validate")
    devtools(root, state, "down")
    times = Times([], [], [], [], [])
    for _ in range(PAIRS):
        times.ideal.append(ideal_of_workspace(root, state))
        times.ours.append(devtools(root, state, "up", "--no-validate"))
        devtools(root, state, "down")
    return times


def ideal_of_workspace(root: Path, state: Path) -> float:
    """The bare loop over the plan that `up` would make."""
    plan, roots = plan_of(root, state)
    from devtools.graph import closure

    edges = {name: list(needs) for name, needs in plan.edges().items()}
    names = closure(edges, roots)
    outputs = state / "ideal"
    outputs.mkdir(exist_ok=True)
    for name in names:
        (outputs / f"{name}.out").unlink(missing_ok=True)
    definitions = {name: plan.definitions[name] for name in names}
    loop = Loop(root, outputs)
    try:
        return loop.run(
            {name: item.command for name, item in definitions.items()},
            {name: edges[name] for name in names},
            {name: None if item.is_task else question(item, outputs) for name, item in definitions.items()},
            {name: {**plan.environment, **item.env} for name, item in definitions.items()},
        )
    finally:
        started = [name for name in names if name in loop.children]
        loop.stop({name: item.stop_signal for name, item in definitions.items()}, started)


def plan_of(root: Path, state: Path):  # noqa: ANN201 (a Plan; devtools is imported late)
    """The plan and the roots of `up`, with the state folder of this benchmark."""
    from devtools.session import TRIGGERS, Session
    from devtools.workspace import locate

    mine = environment(state)
    for name in set(os.environ) - set(mine):
        del os.environ[name]
    os.environ.update(mine)
    plan = Session(locate(root)).plan()
    return plan, plan.triggered(TRIGGERS)


def question(definition, outputs: Path) -> Ready:  # noqa: ANN001 (a Definition)
    """How the bare loop asks what the probe asks."""
    probe = definition.ready
    if probe is None:
        return lambda: True
    if probe.kind == "log":
        pattern = re.compile(probe.pattern.encode())
        return lambda: pattern.search((outputs / f"{definition.id}.out").read_bytes()) is not None
    if probe.kind in ("http", "tcp"):
        return lambda: answers(probe)
    return lambda: subprocess.run(["sh", "-c", probe.command], capture_output=True).returncode == 0


def answers(probe) -> bool:  # noqa: ANN001 (a Probe)
    """One request, refused connections included."""
    try:
        with socket.create_connection(("127.0.0.1", probe.port), 1) as connection:
            if probe.kind == "tcp":
                return True
            connection.sendall(f"GET {probe.path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            words = connection.recv(64).split()
    except OSError:
        return False
    return len(words) > 1 and words[1].isdigit() and probe.status_low <= int(words[1]) <= probe.status_high


def measure(*, with_real: bool) -> dict[str, object]:
    """Everything, as the JSON object of `bench`."""
    figures: dict[str, float] = {}
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-up-") as name:
        room = Path(name)
        lags: list[float] = []
        for graph in (graphs.chain(), graphs.rhombus(), graphs.wide()):
            times = synthetic(graph, room)
            lags.extend(times.lags)
            note(graph.name, times, figures, ratios)
        if with_real:
            note("workspace", real(Path(__file__).resolve().parent.parent, room), figures, ratios)
        figures["detection_lag_p50_s"] = manners.quantile(lags, 0.5)
        figures["detection_lag_p95_s"] = manners.quantile(lags, 0.95)
        figures |= at_rest(room)
        figures |= manners.stopping(room / "stopping", devtools)
        ratios["stop_over_slowest"] = figures["stop_all_s"] / figures["slowest_stop_s"]
        logged = manners.logging(room / "logging", devtools)
        figures["log_lines_lost"] = logged.pop("log_lines_lost")
        ratios |= logged
    measured = {**figures, **ratios}
    targets = {name: limit for name in measured if (limit := limit_of(name)) is not None}
    return {
        "bench": "up",
        "figures": {name: round(value, 3) for name, value in figures.items()},
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        "targets": {name: f"<= {limit}" for name, limit in targets.items()},
        "holds": all(measured[name] <= limit for name, limit in targets.items()),
    }


def limit_of(name: str) -> float | None:
    """What a measured value may be at most; None for one that is only told."""
    return next((limit for key, limit in TARGETS.items() if name == key or name.endswith(f"_{key}")), None)


def note(case: str, times: Times, figures: dict[str, float], ratios: dict[str, float]) -> None:
    """Put one graph's seconds and ratios beside the others."""
    figures[f"{case}_ideal_s"] = statistics.median(times.ideal)
    figures[f"{case}_up_s"] = statistics.median(times.ours)
    ratios[f"{case}_over_ideal"] = over(times.ours, times.ideal)
    if times.peer:
        figures[f"{case}_ready_s"] = statistics.median(times.ready)
        figures[f"{case}_honcho_s"] = statistics.median(times.peer)
        ratios[f"{case}_over_honcho"] = over(times.ready, times.peer)
    say(f"{case}: ideal {figures[f'{case}_ideal_s']:.2f} s, up {figures[f'{case}_up_s']:.2f} s")


def say(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    """Run the benchmark; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--synthetic", action="store_true", help="leave this workspace's own services out")
    arguments = parser.parse_args()
    result = measure(with_real=not arguments.synthetic)
    sys.stdout.write(json.dumps(result, indent=None if arguments.json else 2) + "\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
