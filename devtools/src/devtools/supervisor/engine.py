"""The graph at work: what is to run is started as wide as it allows, stopped in reverse, and told about.

It must not know sockets, files of the workspace or the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from devtools.graph import closure, dependents
from devtools.supervisor import lives, run, tree
from devtools.supervisor.node import Node
from devtools.supervisor.signs import Appearances

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from pathlib import Path

    from devtools.plan import Plan
    from devtools.supervisor.leftovers import Leftovers
    from devtools.supervisor.logs import Logs
    from devtools.supervisor.reaper import Reaper

STOP_COMMAND_GRACE_S = 120.0
CLEAR_COMMAND_GRACE_S = 30.0
STRAY_GRACE_S = 3.0
ON_REQUEST = "stopped on request"
KILLED = "killed at once, on request"


class Engine:
    """All nodes of one instance. Every method is called from one event loop; nothing blocks it."""

    def __init__(self, state_dir: Path, token: str, reaper: Reaper, logs: Logs, leftovers: Leftovers) -> None:
        self.state_dir = state_dir
        self.token = token
        self.reaper = reaper
        self.logs = logs
        self.leftovers = leftovers
        self.plan: Plan | None = None
        self.nodes: dict[str, Node] = {}
        self.start_up: dict[str, Any] | None = None  # where the time of the last `up` went
        self.is_closing = False
        self.asking = 0
        self.appearances = Appearances()
        self._changed = asyncio.Event()
        self._observers: list[Callable[[Node], None]] = []

    # What others are told

    def observe(self, call: Callable[[Node], None]) -> Callable[[], None]:
        """Call back at every change of a node; returns how to cancel that."""
        self._observers.append(call)
        return lambda: self._observers.remove(call)

    def change(self, node: Node, phase: str | None = None, reason: str | None = None) -> None:
        """Note a node's new phase or reason and wake whoever waits for one."""
        if phase is not None and phase != node.phase:
            node.phase = phase
            node.since = time.time()
        if reason is not None:
            node.reason = reason
        self._changed.set()
        self._changed = asyncio.Event()
        for call in list(self._observers):
            call(node)

    async def next_change(self) -> None:
        """Return at the next change of any node."""
        await self._changed.wait()

    # The plan

    def take(self, plan: Plan) -> None:
        """Take a plan in: a node in flight keeps the run that it was started with until it starts anew."""
        self.plan = plan
        for name, definition in plan.definitions.items():
            node = self.nodes.get(name)
            if node is None:
                phase, reason = ("pending", "") if definition.is_task else ("stopped", "not started")
                self.nodes[name] = Node(definition, phase=phase, reason=reason)
            else:
                node.definition = definition
        for name in list(self.nodes):
            if name not in plan.definitions and not self.nodes[name].is_active and not self.nodes[name].run:
                del self.nodes[name]

    def edges(self) -> dict[str, dict[str, str]]:
        """Node → {dependency → condition}, of the definitions in force."""
        return {name: node.definition.dependencies for name, node in self.nodes.items()}

    # Starting

    def start(
        self, roots: Iterable[str], *, rerun_tasks: bool = False, again: Container[str] = ()
    ) -> list[str]:
        """Begin `roots` and all that they depend on; returns the ids that were not already at work or done.

        rerun_tasks: every task on the way runs again, as the format wants for `task start`; again: these do.
        """
        begun: list[str] = []
        for name in closure(self.edges(), roots):
            node = self.nodes[name]
            if node.is_active or (node.phase == "running" and node.ready):
                continue
            is_done = node.definition.is_task and node.phase == "succeeded"
            if is_done and not rerun_tasks and name not in again:
                continue
            self._begin(node)
            begun.append(name)
        return begun

    def _begin(self, node: Node) -> None:
        node.exit_code = None
        node.ready = node.is_on_trial = False
        node.probe = ""
        node.requested_at = time.time()
        node.started_at = node.ready_at = node.ended_at = None
        if node.definition.is_task:
            self.change(node, "pending", "")
            node.life = asyncio.create_task(lives.task(self, node))
        else:
            self.change(node, "starting", "")
            node.life = asyncio.create_task(lives.service(self, node))

    # Stopping

    async def stop(
        self, name: str, *, grace_s: float | None = None, reason: str = "stopped on request"
    ) -> None:
        """End one node, whatever it is doing; returns when nothing of it lives. Stop wins over start."""
        node = self.nodes[name]
        life = node.life
        if life is not None and not life.done():
            life.cancel()
            await asyncio.wait([life])
        async with node.gate:
            if node.run is None:
                if life is not None and node.phase in ("starting", "stopping", "running", "pending"):
                    self.change(node, "stopped", reason)
                return
            await self._end(node, grace_s, reason)

    async def _end(self, node: Node, grace_s: float | None, reason: str) -> None:
        current = node.run
        assert current is not None
        node.ready = False
        self.change(node, "stopping", reason)
        definition = node.definition
        grace = definition.grace_s if grace_s is None else min(grace_s, definition.grace_s)
        verdict: tuple[str, str] = ("stopped", reason)
        if definition.stop_command:
            verdict = await self._run_stop_command(node, grace_s) or verdict
            gone = await run.kill(current)
        else:
            gone = await run.end(current, definition.stop_signal, grace)
        await self.clear(node)
        await self.wait_for_ports(node, current)
        if current.is_killed:
            verdict = ("stopped", KILLED)
        if not gone:
            left = ", ".join(str(pid) for pid in sorted(current.members()))
            verdict = ("failed", f"processes {left} survive SIGKILL")
        if current.exited.done() and not current.exited.cancelled():
            node.exit_code = current.exited.result()
        node.run, node.ended_at = None, time.time()
        self.change(node, *verdict)

    async def _run_stop_command(self, node: Node, grace_s: float | None) -> tuple[str, str] | None:
        """The format's `stop`, two minutes at most; when it has ended, start is killed. None: all well."""
        log = self.logs.open(node.id)
        try:
            stopping = self.spawn(node, node.definition.stop_command, log.descriptor, suffix="stop")
        except OSError as fault:
            return "failed", f"its stop command cannot be started: {fault.strerror}"
        limit = STOP_COMMAND_GRACE_S if grace_s is None else grace_s
        await asyncio.wait([stopping.exited], timeout=limit)
        if not stopping.exited.done():
            await run.kill(stopping)
            return "failed", f"its stop command did not end within {limit:g} s"
        code = stopping.exited.result()
        return None if code == 0 else ("failed", f"its stop command exited {code}")

    async def clear(self, node: Node) -> None:
        """Remove what a run that has ended leaves outside of its processes: its container."""
        if not node.definition.clear_command:
            return
        with contextlib.suppress(OSError):
            log = self.logs.open(node.id)
            clearing = self.spawn(node, node.definition.clear_command, log.descriptor, suffix="clear")
            await asyncio.wait([clearing.exited], timeout=CLEAR_COMMAND_GRACE_S)
            await run.kill(clearing)

    async def stop_all(
        self,
        names: Iterable[str] | None = None,
        *,
        grace_s: float | None = None,
        reason: str = ON_REQUEST,
    ) -> None:
        """Stop nodes in reverse order: each once all that depends on it has stopped, the rest at once."""
        wanted = set(self.nodes if names is None else names)
        edges = self.edges()
        done = {name: asyncio.Event() for name in wanted}

        async def one(name: str) -> None:
            for above in dependents(edges, name):
                if above in done:
                    await done[above].wait()
            try:
                await self.stop(name, grace_s=grace_s, reason=reason)
            finally:
                done[name].set()

        await asyncio.gather(*(one(name) for name in wanted))

    async def kill_all(self) -> None:
        """SIGKILL to every run at once: what a second Ctrl-C asks for."""
        runs = [node.run for node in self.nodes.values() if node.run]
        for current in runs:
            current.is_killed = True
        await asyncio.gather(*(run.kill(current) for current in runs))

    async def end_strays(self) -> None:
        """End children of ours that no run accounts for: orphans whose mark can no longer be read."""
        strays = {item.pid for item in tree.snapshot().values() if item.parent == os.getpid()}
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in strays:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            if strays:
                await run.wait_for_exits(strays, STRAY_GRACE_S)
            strays = {item.pid for item in tree.snapshot().values() if item.parent == os.getpid()}

    # What lives need

    def spawn(self, node: Node, command: str, output: int, *, suffix: str = "") -> run.Run:
        """Start a command in the node's environment; raises OSError."""
        assert self.plan is not None
        environment = {**self.plan.environment, **node.definition.env}
        if node.definition.ready is not None and node.definition.ready.kind == "notify":
            environment["NOTIFY_SOCKET"] = str(self.notify_path(node))
        return run.start(
            self.reaper,
            command,
            cwd=self.plan.root,
            environment=environment,
            mark=self.mark(node, suffix),
            output=output,
        )

    def mark(self, node: Node, suffix: str = "") -> str:
        """The value of DEVTOOLS_RUN of the node's present incarnation."""
        return f"{self.token}:{node.id}:{node.generation}" + (f":{suffix}" if suffix else "")

    def notify_path(self, node: Node) -> Path:
        """Where the node's notifications arrive."""
        from devtools.supervisor.launch import socket_path

        return socket_path(self.state_dir).with_name(f"notify-{node.generation}-{node.id[:24]}.sock")

    async def wait_for_ports(self, node: Node, ended: run.Run, timeout_s: float = 2.0) -> None:
        """Wait (shortly) until the kernel has given the node's ports back."""
        from devtools.supervisor import listeners

        deadline = asyncio.get_running_loop().time() + timeout_s
        for port in node.definition.ports:
            # A test bind costs microseconds, the kernel's table of sockets ten milliseconds.
            while not listeners.is_free(port) and listeners.listens(port, ended.members()):
                if asyncio.get_running_loop().time() > deadline:
                    break
                await asyncio.sleep(0.02)

    def status(self) -> dict[str, Any]:
        """All nodes as the API shows them, with processor and memory figures taken now."""
        from devtools.supervisor.figures import with_figures

        plan = self.plan
        return {
            "name": plan.name if plan else "",
            "root": plan.root if plan else "",
            "nodes": with_figures(list(self.nodes.values())),
            "urls": plan.urls if plan else {},
            "ports": plan.ports if plan else {},
            "database_url": plan.database_url if plan else None,
        }
