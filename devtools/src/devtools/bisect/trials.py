"""Trying a tuple of commits in an instance of its own: made, started, asked, removed.

Must not touch the home's checkouts, nor keep a verdict on what was no fault of the commits.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

from devtools import locks
from devtools.bisect import kept
from devtools.changes import place
from devtools.changes.steps import Steps
from devtools.changes.verify import logs_of
from devtools.errors import BLOCKED, INTERRUPTED, Blocked, DevtoolsError
from devtools.instances import calls, life, running, server, venv
from devtools.instances.place import existing, named
from devtools.manifest import load

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from devtools.bisect.kept import Question
    from devtools.instances.place import Instance
    from devtools.manifest.model import Database
    from devtools.workspace import Workspace

LOCK_PATIENCE_S = 20.0
LINES_TOLD = 15
NOT_JUDGED = (125, 126, 127)  # as in `git bisect run`; with the last two the command itself is not there yet
_NAME = re.compile(r"bisect-[0-9a-f]{12}")
_NOT_RUN = "not run"  # how the validation begins the error of a step behind a failed one


def judge(question: Question, tuple_: dict[str, str], say: Callable[[str], None]) -> dict[str, Any]:
    """The verdict on these commits, kept as soon as it is known.

    Raises DevtoolsError where it is not the commits that were in the way: then nothing is kept.
    """
    home = question.home
    instance = named(home, f"bisect-{place.key_of(tuple_)[:12]}")
    _wake(home)
    steps = Steps(say)
    logs: dict[str, str] = {}
    try:
        if _made(instance, tuple_, steps) and _step(steps, "start", lambda: running.up(instance)):
            if question.command:
                logs["run"] = _run(instance, question.command, steps)
            else:
                _validate(instance, steps, everything=question.everything)
        logs |= logs_of(instance)
    finally:
        clear(home, tuple_)
    return question.keep(tuple_, steps.done, logs)


def _wake(home: Workspace) -> None:
    """The home's database server must run; where it cannot, no commit is to blame."""
    overlay = life.overlay_of(home)
    if overlay.database and server.is_shared(home, overlay):
        server.wake(home, overlay.database)


def _made(instance: Instance, tuple_: dict[str, str], steps: Steps) -> bool:
    """Make the instance in two steps, install and migrate; False where one failed."""
    began, stage = time.monotonic(), "install"

    def fill(made: Instance, spec: Database) -> str:
        nonlocal began, stage
        steps.add(stage, time.monotonic() - began, "")
        began, stage = time.monotonic(), "migrate"
        return life.from_template(made, spec, steps.say)

    wrong = _fault(lambda: life.create(instance.home, instance.name, tuple_, fill=fill))
    steps.add(stage, time.monotonic() - began, wrong)
    return not wrong


def _step(steps: Steps, name: str, do: Callable[[], object]) -> bool:
    return steps.run(name, lambda: _fault(do))


def _fault(do: Callable[[], object]) -> str:
    """What is wrong with the commits, or nothing; raises DevtoolsError where another holder is in the way."""
    try:
        do()
    except DevtoolsError as fault:
        if fault.exit_code in (BLOCKED, INTERRUPTED):
            raise
        return fault.message
    return ""


def _validate(instance: Instance, steps: Steps, *, everything: bool) -> None:
    """A step for each of the validation's that it came to; or the task `validate` as one."""
    began = time.monotonic()
    try:
        verdict = running.validate(instance, everything=everything)
    except DevtoolsError as fault:
        steps.add("validate", time.monotonic() - began, fault.message)
        return
    if verdict is None:
        if "validate" in load.of(instance.workspace())[0].tasks:
            steps.run("validate", lambda: running.devtools(instance, "task", "start", "validate")[:0])
        return
    found: list[dict[str, Any]] = verdict["steps"]
    for step in found:
        error = "" if step["passed"] else str(step.get("error") or "failed")
        if not error.startswith(_NOT_RUN):
            steps.add(f"validate: {step['name']}", step.get("seconds") or 0.0, error)
            steps.done[-1]["id"] = step["id"]


def _run(instance: Instance, command: str, steps: Steps) -> str:
    """Run the command in the instance's environment; returns what it printed."""
    began = time.monotonic()
    done = subprocess.run(
        [venv.python(instance.tree), "-P", "-m", "devtools", "exec", "--", "sh", "-c", command],
        cwd=instance.tree,
        env=calls.clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=tuple(calls.held),
    )
    code = done.returncode
    if not 0 <= code <= max(NOT_JUDGED):
        raise DevtoolsError(
            f"`{command}` was ended by a signal ({code}): that says nothing of the commits",
            hint="call again: it goes on where it was",
        )
    told = "\n".join(done.stdout.rstrip().splitlines()[-LINES_TOLD:])
    wrong = f"`{command}` ended with {code}\n{told}".rstrip() if code else ""
    steps.add("run, if it can be" if code in NOT_JUDGED else "run", time.monotonic() - began, wrong)
    return done.stdout


def clear(home: Workspace, bad: Mapping[str, str]) -> None:
    """Remove the instances that searches made, and the branches of theirs that `bad` holds."""
    for instance in existing(home):
        if _NAME.fullmatch(instance.name):
            life.remove(home, instance.name, force=True)
    for checkout in place.everything(home):
        refs = checkout.git("for-each-ref", "--format=%(refname)", "refs/heads/instance/bisect-*").split()
        for ref in refs:
            if checkout.asked("merge-base", "--is-ancestor", ref, bad[checkout.id]) is not None:
                checkout.git("update-ref", "-d", ref)


@contextlib.contextmanager
def alone(home: Workspace) -> Generator[None]:
    """Only one search works in a home at a time; what a killed one started counts until it has ended."""
    home.make_state_dir()
    kept.folder_of(home).mkdir(exist_ok=True)
    with (kept.folder_of(home) / ".lock").open("w") as stream:
        if not locks.take(stream.fileno(), LOCK_PATIENCE_S):
            raise Blocked(
                "another bisect is at work here", hint="wait for it: whatever it judges is remembered"
            )
        calls.held.add(stream.fileno())
        try:
            yield
        finally:
            calls.held.discard(stream.fileno())
