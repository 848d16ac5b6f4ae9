"""The life of one service and of one task, from waiting for dependencies to the last process gone.

It must not talk to clients; whatever happens is told through the engine's `change`.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from devtools.supervisor import probes, run
from devtools.supervisor.probe_shell import ProbeShell
from devtools.supervisor.signs import Signs, files_named_in

if TYPE_CHECKING:
    from devtools.plan import Definition, Probe
    from devtools.supervisor.engine import Engine
    from devtools.supervisor.node import Node
    from devtools.supervisor.run import Run

LIVE_INTERVAL_S = 10.0
LIVE_FAILURES = 3
LONGEST_BACKOFF_S = 60.0
CALM_S = 60.0  # a service that ran this long has earned a fresh count of restarts
CLEAN_UP_GRACE_S = 5.0


class Ended(Exception):
    """The present run is over; `failed` says how it is to be told."""

    def __init__(self, reason: str, *, failed: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failed = failed


async def service(engine: Engine, node: Node) -> None:
    """Wait, start, prove ready, watch; restart as the policy says. Cancelled by `Engine.stop`."""
    async with node.gate:
        if node.definition.external:
            node.ready = True
            engine.change(node, "running", node.definition.external)
            return
        # What already runs has had its dependencies: it is taken over at once.
        if not engine.leftovers.adoptable(node.definition) and not await _may_start(engine, node):
            return
        attempts = 0
        while True:
            began = time.monotonic()
            offset = engine.logs.open(node.id).size
            outcome = await _one_run(engine, node)
            await _clean_up(engine, node, outcome)
            if node.is_on_trial and outcome.failed:  # the same code would only fail again
                said = [outcome.reason, engine.logs.last_words(node.id, offset)]
                engine.change(node, "failed", f"{': '.join(filter(None, said))}; a save tries it again")
                return
            if time.monotonic() - began > CALM_S:
                attempts = 0
            attempts += 1
            if not await _restarts(engine, node, outcome, attempts):
                return


async def task(engine: Engine, node: Node) -> None:
    """Wait for dependencies, run once, tell how it ended."""
    async with node.gate:
        if not await _may_start(engine, node):
            return
        node.generation += 1
        log = engine.logs.open(node.id)
        offset = log.size
        try:
            node.run = engine.spawn(node, node.definition.command, log.descriptor)
        except OSError as fault:
            engine.change(node, "failed", f"cannot be started: {fault.strerror}")
            return
        node.run.log_offset = offset
        node.started_at = time.time()
        engine.change(node, "running", "")
        code = await asyncio.shield(node.run.exited)
        await run.end(node.run, "SIGTERM", CLEAN_UP_GRACE_S)
        await engine.clear(node)
        engine.logs.flush()
        node.run, node.exit_code, node.ended_at = None, code, time.time()
        node.ready_at = node.ended_at if code == 0 else None
        if code == 0:
            engine.change(node, "succeeded", "")
        else:
            engine.change(node, "failed", describe_exit(code))


def describe_exit(code: int | None) -> str:
    """`exited 3`, `was ended by SIGKILL`, or that nobody could see it."""
    import signal

    if code is None:
        return "ended while adopted, its exit code unseen"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"exited {code}"


async def _may_start(engine: Engine, node: Node) -> bool:
    """Wait for the dependencies; False where one cannot be had, which fails this node at once."""
    if node.definition.refused:
        engine.change(node, "failed", node.definition.refused)
        return False
    while True:
        waits_for: list[str] = []
        for name, condition in node.definition.dependencies.items():
            dependency = engine.nodes[name]
            if reason := dependency.cannot_meet(condition):
                node.waits_for = []
                engine.change(node, "failed", f"dependency {reason}")
                return False
            if not dependency.meets(condition):
                waits_for.append(name)
        if not waits_for:
            node.waits_for = []
            return True
        if waits_for != node.waits_for:
            node.waits_for = waits_for
            engine.change(node, reason=f"waits for {', '.join(waits_for)}")
        await engine.next_change()


async def _one_run(engine: Engine, node: Node) -> Ended:
    """From spawn to the end of the run, and how it ended."""
    try:
        note = await _obtain_run(engine, node)
        return await _watch_run(engine, node, note)
    except Ended as ended:
        return ended


async def _obtain_run(engine: Engine, node: Node) -> str:
    """Give the node a run: the one that an earlier supervisor left, or a new one."""
    definition = node.definition
    adopted = engine.leftovers.adopt(definition)
    if adopted is not None:
        node.run = adopted
        node.generation = engine.leftovers.generation(definition.id)
        node.started_at = engine.leftovers.started_at(definition.id)
        engine.logs.open(node.id)
        return "adopted from an earlier supervisor"
    await engine.leftovers.reap(definition.id)
    _spawn(engine, node)
    return ""


async def _watch_run(engine: Engine, node: Node, note: str) -> Ended:
    definition = node.definition
    node.running = definition
    engine.change(node, "starting", note)
    assert node.run is not None
    current = node.run
    if definition.ready is not None:
        await _become_ready(engine, node, current, definition.ready)
    node.ready, node.is_on_trial = True, False
    node.ready_at = time.time()
    engine.change(node, "running", note)
    if definition.live is None:
        code = await asyncio.shield(current.exited)
    else:
        code = await _watch_live(engine, node, current, definition.live)
    return Ended(describe_exit(code), failed=code != 0)


def _spawn(engine: Engine, node: Node) -> None:
    node.generation += 1
    log = engine.logs.open(node.id)
    offset = log.size
    try:
        node.run = engine.spawn(node, node.definition.command, log.descriptor)
    except OSError as fault:
        raise Ended(f"cannot be started: {fault.strerror}", failed=True) from fault
    node.run.log_offset = offset
    node.started_at = time.time()
    node.ready_at = node.ended_at = None


async def _become_ready(engine: Engine, node: Node, current: Run, probe: Probe) -> None:
    """Return once the probe is satisfied; raises Ended where the run ends or the deadline passes first."""
    deadline_s = node.definition.ready_deadline_s
    node.deadline = time.time() + deadline_s
    asking = asyncio.create_task(_ask_until_ready(engine, node, current, probe))
    try:
        waiting = {asking, current.exited}
        await asyncio.wait(waiting, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        if current.exited.done():
            code = current.exited.result()
            raise Ended(f"{describe_exit(code)} before it was ready", failed=code != 0)
        if not asking.done():
            last = f"; the last answer: {node.probe}" if node.probe else ""
            raise Ended(f"was not ready within {deadline_s:g} s{last}", failed=True)
        asking.result()
    finally:
        node.deadline = None
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _ask_until_ready(engine: Engine, node: Node, current: Run, probe: Probe) -> None:
    if probe.kind == "log":
        await _until_logged(engine, node, current, re.compile(probe.pattern.encode()))
        return
    if probe.kind == "notify":
        if current.is_adopted:
            return  # it has told its earlier supervisor
        notifications = probes.Notifications(engine.notify_path(node))
        try:
            node.probe = "waits for READY=1"
            await notifications.ready.wait()
        finally:
            notifications.close()
        return
    shell = _shell(engine, node, probe)
    assert engine.plan is not None
    paths = files_named_in(probe.command, engine.plan.root)
    signs = Signs(node.id, engine.logs, engine.appearances, paths)
    engine.asking += 1
    try:
        await _poll(engine, node, current, probe, shell, signs)
    finally:
        engine.asking -= 1
        signs.close()
        if shell is not None:
            shell.close()


async def _poll(
    engine: Engine, node: Node, current: Run, probe: Probe, shell: ProbeShell | None, signs: Signs
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    ports = _ports_of(node.definition, probe)
    if not current.is_adopted:
        await asyncio.sleep(0)  # the others that start now are counted; what starts has the processor first
        await signs.rest(first := probes.soonest(0, engine.asking), first)
    while True:
        asked = loop.time()
        answer = await probes.ask(probe, shell)
        if answer.ok:
            ours = probes.is_ours(ports, current.members()) if ports else answer
            if ours.ok:
                node.probe = answer.detail
                return
            answer = ours
        if answer.detail != node.probe:
            node.probe = answer.detail
            if "listens there, not this service" in answer.detail:
                engine.change(node, reason=answer.detail)
        now = loop.time()
        pause = probes.interval(probe, now - began, now - asked, engine.asking)
        if probe.interval_s is not None:
            await asyncio.sleep(pause)
        else:
            await signs.rest(pause, probes.soonest(now - asked, engine.asking))


async def _until_logged(engine: Engine, node: Node, current: Run, pattern: re.Pattern[bytes]) -> None:
    grown = asyncio.Event()
    log = engine.logs.open(node.id)
    cancel = engine.logs.on_growth(node.id, grown.set)
    offset = current.log_offset
    node.probe = f"no line matches {pattern.pattern.decode()!r} yet"
    try:
        while True:
            grown.clear()
            line, offset = probes.wait_for_line(log.path, offset, pattern)
            if line is not None:
                node.probe = f"logged: {line.decode(errors='replace').strip()[:200]}"
                return
            await grown.wait()
    finally:
        cancel()


async def _watch_live(engine: Engine, node: Node, current: Run, probe: Probe) -> int | None:
    """Ask every 10 s (or as the probe says) whether it still lives; three failures in a row end the run."""
    shell = _shell(engine, node, probe)
    failures = 0
    try:
        while True:
            pause = probe.interval_s or LIVE_INTERVAL_S
            await asyncio.wait([current.exited], timeout=pause)
            if current.exited.done():
                return current.exited.result()
            answer = await probes.ask(probe, shell)
            failures = 0 if answer.ok else failures + 1
            if not answer.ok:
                engine.change(node, reason=f"liveness: {answer.detail}")
            elif node.reason.startswith("liveness: "):
                engine.change(node, reason="")
            if failures >= LIVE_FAILURES:
                raise Ended(f"liveness failed {failures} times: {answer.detail}", failed=True)
    finally:
        if shell is not None:
            shell.close()


async def _clean_up(engine: Engine, node: Node, outcome: Ended) -> None:
    """End whatever of the run still lives: a leader that exits may leave children behind."""
    node.ready = False
    current = node.run
    if current is None:
        return
    left = current.members()
    if left:
        word = "process" if len(left) == 1 else "processes"
        engine.change(node, "stopping", f"{outcome.reason}; ends {len(left)} {word} left behind")
        grace = node.definition.grace_s if not current.exited.done() else CLEAN_UP_GRACE_S
        await run.end(current, node.definition.stop_signal, min(grace, node.definition.grace_s))
    await engine.clear(node)
    await engine.wait_for_ports(node, current)
    engine.logs.flush()
    if current.exited.done():
        node.exit_code = current.exited.result()
    node.run, node.ended_at = None, time.time()


async def _restarts(engine: Engine, node: Node, outcome: Ended, attempts: int) -> bool:
    """True after the backoff, where the policy wants another run; else the node is stopped or failed."""
    definition = node.definition
    policy = definition.restart_policy
    wanted = policy == "always" or (policy == "on-failure" and outcome.failed)
    if not wanted:
        engine.change(node, "failed" if outcome.failed else "stopped", outcome.reason)
        return False
    if attempts > definition.restart_max:
        reason = f"gave up after {definition.restart_max} restarts; it {outcome.reason}"
        engine.change(node, "failed", reason)
        return False
    pause = min(definition.restart_backoff_s * 2 ** (attempts - 1), LONGEST_BACKOFF_S)
    node.restarts += 1
    note = f"{outcome.reason}; restart {attempts} of {definition.restart_max} in {pause:g} s"
    engine.change(node, "starting", note)
    await asyncio.sleep(pause)
    return True


def _shell(engine: Engine, node: Node, probe: Probe) -> ProbeShell | None:
    if probe.kind != "exec":
        return None
    assert engine.plan is not None
    return ProbeShell(
        engine.reaper,
        probe.command,
        cwd=engine.plan.root,
        environment={**engine.plan.environment, **node.definition.env},
        mark=engine.mark(node, "probe"),
        output=engine.state_dir / "run" / f"{node.id}.probe",
    )


def _ports_of(definition: Definition, probe: Probe) -> tuple[int, ...]:
    return (probe.port,) if probe.port else definition.ports
