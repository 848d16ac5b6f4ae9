"""The supervisor's API over its Unix socket: the only way in.

It must hold no state of its own; the engine has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any, cast

from devtools import plan as plans
from devtools.supervisor import http
from devtools.supervisor.node import ENDED, Node
from devtools.supervisor.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from devtools.supervisor.engine import Engine

INTERRUPTED_GRACE_S = 8.0


class Server:
    """Answers clients until someone asks for `down`; `finished` is set then."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.watcher = Watcher(engine)
        self.finished = asyncio.Event()
        self._busy: set[asyncio.Task[Any]] = set()

    async def listen(self, path: Path) -> asyncio.AbstractServer:
        """Open the socket, readable by its owner only."""
        path.unlink(missing_ok=True)  # noqa: ASYNC240 (once, before anyone is served)
        mask = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, path)
        finally:
            os.umask(mask)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await http.read_request(reader)
            if request is not None:
                await self._answer(request, reader, writer)
        except http.BadRequest as fault:
            http.write_json(writer, fault.status, fault.body)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            with contextlib.suppress(ConnectionError):
                await writer.drain()
                writer.close()
                await writer.wait_closed()

    async def _answer(
        self, request: http.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        streams: dict[tuple[str, str], Callable[..., Awaitable[None]]] = {
            ("POST", "/v1/up"): self._up,
            ("POST", "/v1/down"): self._down,
            ("POST", "/v1/start"): self._start,
            ("POST", "/v1/stop"): self._stop,
            ("POST", "/v1/restart"): self._restart,
            ("GET", "/v1/events"): self._events,
        }
        handler = streams.get((request.method, request.path))
        if handler is not None:
            await handler(request, reader, writer)
            return
        simple: dict[tuple[str, str], Callable[[http.Request], Awaitable[dict[str, Any]]]] = {
            ("GET", "/v1/status"): self._status,
            ("GET", "/v1/wait"): self._wait,
            ("GET", "/v1/timeline"): self._timeline,
            ("GET", "/v1/logs"): self._logs,
            ("GET", "/v1/verdict"): self._verdict,
            ("POST", "/v1/run"): self._run,
            ("POST", "/v1/kill"): self._kill,
            ("POST", "/v1/plan"): self._plan,
            ("GET", "/openapi.json"): self._openapi,
        }
        call = simple.get((request.method, request.path))
        if call is None:
            raise http.BadRequest(404, f"no route {request.method} {request.path}")
        http.write_json(writer, 200, await call(request))

    # Answers at once

    async def _status(self, _: http.Request) -> dict[str, Any]:
        return {
            **self.engine.status(),
            "pid": os.getpid(),
            "closing": self.engine.is_closing,
            "watches": self.watcher.told(),
        }

    async def _openapi(self, _: http.Request) -> dict[str, Any]:
        from devtools.supervisor import openapi  # seldom asked for: no start waits for it

        return openapi.DOCUMENT

    async def _plan(self, request: http.Request) -> dict[str, Any]:
        self._take_plan(request)
        return {"ok": True}

    async def _kill(self, _: http.Request) -> dict[str, Any]:
        await self.engine.kill_all()
        return {"ok": True}

    async def _timeline(self, _: http.Request) -> dict[str, Any]:
        from devtools.supervisor import insight

        return self.engine.start_up or insight.start_up(self.engine.nodes.values())

    async def _logs(self, request: http.Request) -> dict[str, Any]:
        from devtools.supervisor import insight

        names = self._names(request.query.get("ids", "").split(",")) or list(self.engine.nodes)
        return insight.logged(self.engine.state_dir / "logs", names, insight.question(request.query))

    async def _verdict(self, _: http.Request) -> dict[str, Any]:
        from devtools.supervisor import insight

        return insight.verdict(self.engine.state_dir)

    async def _run(self, request: http.Request) -> dict[str, Any]:
        """Begin one task anew; of what it depends on, only what does not run or has not succeeded."""
        self._refuse_while_closing()
        name = request.body.get("id")
        if not isinstance(name, str) or not name:
            raise http.BadRequest(400, "`id` must be the id of a task")
        node = self.engine.nodes[self._names([name])[0]]
        if not node.definition.is_task:
            raise http.BadRequest(400, f"`{name}` is a service; only a task is run")
        if not self.engine.leftovers.is_settled:
            await self.engine.leftovers.reap_unknown(set())
        if node.is_active:
            raise http.BadRequest(409, f"`{name}` is at work already")
        return {"begun": self.engine.start([name], again={name})}

    async def _wait(self, request: http.Request) -> dict[str, Any]:
        """Wait until nodes are ready (services) or succeeded (tasks), one fails for good, or time is up."""
        names = self._names(request.query.get("ids", "").split(","))
        try:
            async with asyncio.timeout(_seconds(request.query.get("timeout", "60"))):
                while True:
                    for name in names:
                        if reason := self.engine.nodes[name].cannot_meet("ready"):
                            return {"ok": False, "reason": reason}
                    missing = [name for name in names if not self.engine.nodes[name].meets("ready")]
                    if not missing:
                        return {"ok": True}
                    await self.engine.next_change()
        except TimeoutError:
            missing = [name for name in names if not self.engine.nodes[name].meets("ready")]
            return {"ok": False, "reason": f"{', '.join(missing)} not ready in time", "timed_out": True}

    # Answers that stream

    async def _up(self, request: http.Request, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._refuse_while_closing()
        plan = self._take_plan(request)
        roots = self._listed(request, "roots")
        await self.watcher.follow(plan, request.body.get("watch"))
        leftovers = self.engine.leftovers
        stream = http.Stream(writer)
        if not leftovers.is_settled:
            kept = {item.id for item in plan.definitions.values() if leftovers.adoptable(item)}
            ended = await leftovers.reap_unknown(kept)
            stream.send({"leftovers": {"adopted": sorted(kept), "ended": ended}})
        # The picture of the start is taken when it is over: what restarts or runs later must not bend it.
        before, self.engine.start_up = self.engine.start_up, None
        self._take_for_done(request)
        begun = await self._drive(stream, roots)
        self.engine.start_up = self._picture(begun) if begun else before

    async def _start(
        self, request: http.Request, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._refuse_while_closing()
        self._take_plan_if_given(request)
        names = self._listed(request, "ids")
        if not self.engine.leftovers.is_settled:
            await self.engine.leftovers.reap_unknown(set())
        rerun = bool(request.body.get("rerun"))
        await self._drive(http.Stream(writer), names, rerun_tasks=rerun)

    def _picture(self, names: list[str]) -> dict[str, Any]:
        from devtools.supervisor import insight

        return insight.start_up([self.engine.nodes[name] for name in names if name in self.engine.nodes])

    async def _drive(self, stream: http.Stream, roots: list[str], *, rerun_tasks: bool = False) -> list[str]:
        """Start `roots`, tell every change until they have settled, then the verdict; what was begun."""
        from devtools.graph import closure

        involved = set(closure(self.engine.edges(), roots))
        cancel = self._tell(stream, involved)
        try:
            begun = self.engine.start(roots, rerun_tasks=rerun_tasks)
            stream.send({"begun": begun})
            while not all(_has_settled(self.engine.nodes[name]) for name in involved):
                await self.engine.next_change()
        finally:
            cancel()
        nodes = [self.engine.nodes[name].to_json() for name in involved]
        stream.send({"result": {"begun": begun, "nodes": nodes}})
        return begun

    async def _stop(
        self, request: http.Request, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._take_plan_if_given(request)
        names = self._listed(request, "ids")
        stream = http.Stream(writer)
        cancel = self._tell(stream, set(names))
        try:
            grace = request.body.get("grace_s")
            await self._keep(self.engine.stop_all(names, grace_s=grace))
        finally:
            cancel()
        stream.send({"result": {"nodes": [self.engine.nodes[name].to_json() for name in names]}})

    async def _restart(
        self, request: http.Request, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._refuse_while_closing()
        self._take_plan_if_given(request)
        names = self._listed(request, "ids")
        stream = http.Stream(writer)
        cancel = self._tell(stream, set(names))
        try:
            await self._keep(self.engine.stop_all(names, reason="restarting"))
        finally:
            cancel()
        await self._drive(stream, names)

    async def _down(
        self, request: http.Request, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        stream = http.Stream(writer)
        cancel = self._tell(stream, set(self.engine.nodes))
        try:
            await self._keep(self.shut_down(request.body.get("grace_s")))
        finally:
            cancel()
        stream.send({"result": {"nodes": [node.to_json() for node in self.engine.nodes.values()]}})
        self.finished.set()

    async def shut_down(self, grace_s: float | None = None) -> None:
        """Stop everything in reverse order, leftovers of earlier supervisors and strays included."""
        self.engine.is_closing = True
        await self.engine.stop_all(grace_s=grace_s)
        self.engine.leftovers.is_settled = True
        await self.engine.leftovers.reap_unknown(set())
        await self.engine.end_strays()

    async def _events(
        self, request: http.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Every node now, then every change; with `tether` the end of the connection is the end of all."""
        stream = http.Stream(writer)
        for node in self.engine.nodes.values():
            stream.send({"node": node.to_json()})
        cancel = self._tell(stream, None)
        try:
            with contextlib.suppress(ConnectionError):  # a killed client resets the connection
                while await reader.read(4096):
                    pass
        finally:
            cancel()
        if request.query.get("tether") and not self.engine.is_closing:
            await self._keep(self.shut_down(INTERRUPTED_GRACE_S))
            self.finished.set()

    # What they share

    def _tell(self, stream: http.Stream, names: set[str] | None) -> Callable[[], None]:
        def changed(node: Node) -> None:
            if stream.is_open and (names is None or node.id in names):
                stream.send({"node": node.to_json()})

        return self.engine.observe(changed)

    async def _keep(self, work: Awaitable[None]) -> None:
        """Finish `work` even where the client that asked for it leaves."""
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        await asyncio.shield(task)

    def _take_plan(self, request: http.Request) -> plans.Plan:
        try:
            plan = plans.from_json(request.body["plan"])
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise http.BadRequest(400, f"not a plan: {fault!r}") from None
        self.engine.take(plan)
        self.watcher.take(plan)
        return plan

    def _take_plan_if_given(self, request: http.Request) -> None:
        if request.body.get("plan"):
            self._take_plan(request)

    def _listed(self, request: http.Request, key: str) -> list[str]:
        value = request.body.get(key)
        if not isinstance(value, list):
            raise http.BadRequest(400, f"`{key}` must be a list of ids")
        return self._names(cast("list[str]", value))

    def _take_for_done(self, request: http.Request) -> None:
        """Tasks that have never run here and need not now, for the reason told; asked for again, they do."""
        told: object = request.body.get("filled") or {}
        if not isinstance(told, dict):
            raise http.BadRequest(400, "`filled` must be an object: ids of tasks, and why")
        for name, reason in cast("dict[str, object]", told).items():
            node = self.engine.nodes.get(name)
            if node is not None and node.phase == "pending" and not node.is_active:  # as tasks begin
                self.engine.change(node, "succeeded", str(reason))

    def _names(self, names: Iterable[str]) -> list[str]:
        wanted = [str(name) for name in names if name]
        for name in wanted:
            if name not in self.engine.nodes:
                raise http.BadRequest(404, f"nothing is called `{name}`", known=sorted(self.engine.nodes))
        copies = [
            node.id for node in self.engine.nodes.values() if node.definition.replica_of in wanted
        ]  # who names a service means all of its replicas
        return list(dict.fromkeys([*wanted, *copies]))

    def _refuse_while_closing(self) -> None:
        if self.engine.is_closing:
            raise http.BadRequest(409, "everything is being stopped")


def _has_settled(node: Node) -> bool:
    if node.is_active:
        return node.phase == "running" and node.ready
    return node.phase in ENDED or node.phase == "running"


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise http.BadRequest(400, "`timeout` must be a number of seconds") from None
