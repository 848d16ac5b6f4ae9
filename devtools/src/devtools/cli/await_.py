"""`devtools await SERVICE…`: for start commands that need another service, here and in Ona alike.

It must return at once where the overlay has ordered the start already, and never wait without a deadline.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Annotated

from devtools import console
from devtools.errors import DevtoolsError, WrongUse
from devtools.manifest.shape import did_you_mean, seconds
from devtools.plan import Definition, Plan, Probe
from devtools.session import Session, need_supervisor, open_session
from devtools.supervisor.client import Lost

if TYPE_CHECKING:
    import typer

DEFAULT_TIMEOUT = "120s"
POLL_S = 0.2


def command(
    names: Annotated[list[str], typer.Argument(metavar="SERVICE...")],
    timeout: Annotated[str, typer.Option(help="How long at most.")] = DEFAULT_TIMEOUT,
) -> int:
    """Wait until the services are ready (tasks: have succeeded)."""
    if os.environ.get("DEVTOOLS_ORDERED") == "1":
        return 0
    limit = _limit(timeout)
    session = open_session()
    answer = session.client.get("/v1/wait", timeout_s=limit + 5, ids=",".join(names), timeout=str(limit))
    if answer is None:
        _wait_alone(session, names, limit)
    elif not answer["ok"]:
        raise DevtoolsError(answer["reason"], hint=f"devtools why {names[0]}")
    return 0


def wait(
    names: Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...")] = None,
    timeout: Annotated[str, typer.Option(help="How long at most.")] = DEFAULT_TIMEOUT,
) -> int:
    """Wait until services are ready and tasks have succeeded: the named ones, or all that are on their way.

    Exit 1 at once where one of them has failed, where time is up, or where nothing runs.
    """
    session = open_session()
    status = need_supervisor(session)
    under_way = [node["id"] for node in status["nodes"] if node["phase"] in ("starting", "running")]
    limit = _limit(timeout)
    asked = ",".join(names or under_way)
    answer = session.client.get("/v1/wait", timeout_s=limit + 5, ids=asked, timeout=str(limit))
    if answer is None:
        raise Lost
    if not answer["ok"]:
        raise DevtoolsError(answer["reason"], hint="devtools why SERVICE")
    return 0


def _limit(timeout: str) -> float:
    limit = seconds(timeout)
    if limit is None:
        raise WrongUse(f"--timeout: `{timeout}` is no duration", hint="for example 30s or 2m")
    return limit


def _wait_alone(session: Session, names: list[str], limit_s: float) -> None:
    """Where no supervisor runs (Ona starts the services): ask as the overlay and the format say."""
    plan = session.plan()
    for name in names:
        if name not in plan.definitions:
            hint = did_you_mean(name, plan.definitions)
            raise WrongUse(f"nothing is called `{name}`", hint=hint)
    deadline = time.monotonic() + limit_s
    for name in names:
        definition = plan.definitions[name]
        if definition.external:
            continue
        probe = _from_outside(session, definition)
        if probe is None:
            console.say(f"await: nothing tells from outside whether {name} is ready; goes on")
            continue
        while not _passes(plan, definition, probe):
            if time.monotonic() > deadline:
                raise DevtoolsError(f"{name} was not ready within {limit_s:g} s")
            time.sleep(POLL_S)


def _from_outside(session: Session, definition: Definition) -> Probe | None:
    """The probe that anyone may ask; a log is the supervisor's, so then the format's own counts."""
    if definition.ready is not None and definition.ready.kind not in ("log", "notify"):
        return definition.ready
    service = session.files[0].services.get(definition.id)
    return Probe("exec", command=service.ready, timeout_s=10.0) if service and service.ready else None


def _passes(plan: Plan, definition: Definition, probe: Probe) -> bool:
    if probe.kind == "exec":
        environment = {**plan.environment, **definition.env, "DEVTOOLS_ORDERED": "1"}
        try:
            done = subprocess.run(
                ["sh", "-c", probe.command],
                cwd=plan.root,
                env=environment,
                timeout=probe.timeout_s,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0
    try:
        with socket.create_connection((probe.host or "127.0.0.1", probe.port), probe.timeout_s) as connection:
            if probe.kind == "tcp":
                return True
            connection.settimeout(probe.timeout_s)
            request = f"GET {probe.path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
            connection.sendall(request.encode())
            words = connection.recv(64).split()
    except OSError:
        return False
    if len(words) < 2 or not words[1].isdigit():
        return False
    return probe.status_low <= int(words[1]) <= probe.status_high
