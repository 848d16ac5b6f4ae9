"""What of an instance runs, starting it, proving it and stopping it, by the instance's own devtools.

Must not touch a process that does not provably belong to the instance.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from devtools import ports
from devtools.errors import DevtoolsError
from devtools.instances import calls, filling, server, venv
from devtools.manifest import load
from devtools.session import Session, has_leftovers
from devtools.statefile import read_json
from devtools.supervisor import launch, listeners
from devtools.supervisor.records import VERDICT
from devtools.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtools.instances.place import Instance

END_GRACE_S = 5.0
PORTS_DEADLINE_S = 30.0
SUPERVISOR_DEADLINE_S = 30.0


def in_tree(
    instance: Instance,
    command: Sequence[str],
    *,
    aloud: bool = False,
    more: Mapping[str, str] | None = None,
) -> str:
    """What the command prints in the instance's tree; raises DevtoolsError where it fails."""
    return calls.output_of(command, instance.tree, f"instance {instance.name}", aloud=aloud, more=more)


def devtools(
    instance: Instance, *arguments: str, aloud: bool = False, more: Mapping[str, str] | None = None
) -> str:
    """The same for a command of the instance's own devtools."""
    command = [venv.python(instance.tree), "-P", "-m", "devtools", *arguments]
    return in_tree(instance, command, aloud=aloud, more=more)


def up(instance: Instance, *, aloud: bool = False, filled: Sequence[str] = ()) -> dict[str, Any]:
    """Start the instance; returns its status, as the supervisor tells it. filled: see `filling`."""
    devtools(instance, "up", "--no-validate", aloud=aloud, more=filling.variable(filled))
    return _status(instance)


def proven(
    instance: Instance, *, aloud: bool = False, filled: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Start and validate the instance by one call of its devtools; its status, and the verdict as `validate`.

    The verdict is what that call has kept. A devtools that keeps none, or that found all at work, is asked.
    """
    began = time.time()
    try:
        devtools(instance, "up", aloud=aloud, more=filling.variable(filled))
    except DevtoolsError:
        verdict = kept(instance, began)
        if verdict is None or verdict["passed"]:
            raise  # not the validation is what failed
    else:
        verdict = kept(instance, began) or validate(instance)
    return _status(instance), verdict


def kept(instance: Instance, since: float) -> dict[str, Any] | None:
    """What `validate --json` would have printed of a validation begun since then and ended; else None."""
    found = read_json(instance.state_dir / VERDICT)
    began, ended = found.get("started_at"), found.get("ended_at")
    if not isinstance(began, int | float) or not isinstance(ended, int | float) or began < since:
        return None
    shown = ("id", "name", "passed", "seconds", "evidence", "error")
    steps = [{name: step[name] for name in shown} for step in found["steps"]]
    return {"passed": bool(found["passed"]), "steps": steps}


def _status(instance: Instance) -> dict[str, Any]:
    status = Session(instance.workspace()).status()
    if status is None:
        raise DevtoolsError(f"instance {instance.name} ended right after its start")
    return status


def validate(instance: Instance, *, everything: bool = False) -> dict[str, Any] | None:
    """`validate --json` of the running instance; None where its workspace has no task for that."""
    task = load.of(instance.workspace())[0].tasks.get("validate")
    if task is None or "devtools validate" not in task.command:
        return None
    asked = ["validate", "--json", *(["--all"] if everything else [])]
    done = subprocess.run(
        [venv.python(instance.tree), "-P", "-m", "devtools", *asked],
        cwd=instance.tree,
        env=calls.clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    try:
        verdict: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise DevtoolsError(f"instance {instance.name} could not be validated\n{done.stderr}") from None
    return verdict


def execute(instance: Instance, words: Sequence[str]) -> int:
    """Run a command in the instance's environment and tree; returns its status."""
    return subprocess.run(
        [venv.python(instance.tree), "-P", "-m", "devtools", "exec", "--", *words],
        cwd=instance.workspace().root,
        env=calls.clean_environment(),
    ).returncode


def port_numbers(instance: Instance) -> dict[str, int]:
    """The instance's ports by name; a database's is that of the server where it is."""
    try:
        workspace = instance.workspace()
        overlay = Session(workspace).files[1]
    except DevtoolsError:
        return {}  # half-made: there is nothing to show yet
    numbers = ports.kept(workspace, overlay.ports)
    if overlay.database and server.is_shared(instance.home, overlay) and overlay.database.port in numbers:
        numbers[overlay.database.port] = server.port(instance.home)
    return numbers


def lives(instance: Instance) -> bool:
    """True where the instance's supervisor or anything that one started runs."""
    if not instance.state_dir.exists():
        return False
    state = Workspace(instance.tree, None, instance.state_dir)
    return launch.holder(instance.state_dir) is not None or has_leftovers(state)


def stop(instance: Instance, *, at_once: bool = False) -> set[int]:
    """Stop the instance; returns the numbers of those of its ports that are in its own block.

    at_once: nothing gets the time to end well, since nothing of the instance is to be kept.
    """
    if not instance.tree.exists():
        return set()
    numbers = set(port_numbers(instance).values())
    _await_supervisor(instance)
    if at_once:
        _kill(instance)
    if lives(instance):
        devtools(instance, "down")
    first = instance.record.get("first_port")
    own = range(first, first + ports.BLOCK_SIZE) if isinstance(first, int) else range(0)
    return numbers & set(own)


def _kill(instance: Instance) -> None:
    """Ask its supervisor ourselves: to start the instance's own devtools would take longer than the kill."""
    supervisor = launch.holder(instance.state_dir)
    with suppress(DevtoolsError, OSError):  # whatever is left is stopped as ever
        for _ in Session(instance.workspace()).client.stream("/v1/down", {"grace_s": 0}):
            pass
        launch.await_gone(supervisor)


def _await_supervisor(instance: Instance) -> None:
    """What a killed `up` has just launched is not yet in the books: wait until it is, or has ended."""
    words = ["devtools.supervisor", str(instance.state_dir)]
    deadline = time.monotonic() + SUPERVISOR_DEADLINE_S
    while launch.holder(instance.state_dir) is None and time.monotonic() < deadline:
        if not any(_has(process, words) for process in psutil.process_iter()):
            return
        time.sleep(0.05)


def _has(process: psutil.Process, words: list[str]) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE and set(words) <= set(process.cmdline())
    return False


def all_free(instance: Instance, numbers: set[int]) -> bool:
    """True once nobody listens on these ports, or only a process that is not of this instance."""
    deadline = time.monotonic() + PORTS_DEADLINE_S
    while not all(listeners.is_free(number) or _is_strangers(instance, number) for number in numbers):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_strangers(instance: Instance, number: int) -> bool:
    owner = listeners.owner(number)
    return owner is not None and owner not in {process.pid for process in _of(instance)}


def others(instance: Instance, *, end: bool) -> list[str]:
    """What was started in the instance's environment by hand, as `pid: command`; `end` ends it."""
    found = _of(instance)
    if end and found:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            _, found = psutil.wait_procs(found, timeout=END_GRACE_S)
            if not found:
                break
    return [f"{process.pid}: {_words(process)}" for process in found]


def _of(instance: Instance) -> list[psutil.Process]:
    """By the state folder that `exec` and the supervisor put into the environment: no name is believed."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            is_own = process.environ().get("DEVTOOLS_STATE_DIR") == str(instance.state_dir)
            if is_own and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _words(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join([Path(process.name()).name, *process.cmdline()[1:3]])
    return "ended"
