"""Commands that the format wants in a container (`runsOn: docker`), wrapped for the engine of this machine.

It must not run them: it asks only whether an engine answers.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.manifest.model import Automations, RunsOn
    from devtools.workspace import Workspace

ENGINES = ("docker", "podman")
ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Containers:
    """The engine, how containers are called, and what is mounted; `missing` says why there is none."""

    engine: str = ""
    root: str = ""
    prefix: str = ""
    missing: str = "no container engine is used here"

    def refused(self, runs_on: RunsOn | None) -> str:
        """Why a command cannot run where it should; empty where it can."""
        if runs_on is None or runs_on.kind == "machine" or not self.missing:
            return ""
        return f"runs on docker ({runs_on.image}), and {self.missing}"

    def start(self, name: str, command: str, runs_on: RunsOn) -> str:
        """The command in a container of its own, in the workspace's folder and network.

        A container that a killed engine client left behind is removed first.
        """
        variables = [word for item in runs_on.environment for word in ("-e", item)]
        words = [
            self.engine, "run", "--rm", "--init", "--name", self._called(name), "--network", "host",
            "-v", f"{self.root}:{self.root}", "-w", self.root, *variables,
            "--entrypoint", "sh", runs_on.image, "-c", command,
        ]  # fmt: skip
        return f"{self._removal(name)}; exec {shlex.join(words)}"

    def inside(self, name: str, command: str) -> str:
        """A probe's command in the running container."""
        return "exec " + shlex.join([self.engine, "exec", self._called(name), "sh", "-c", command])

    def stop(self, name: str, command: str, grace_s: float) -> str:
        """The service's own stop in the container, else the engine's; nothing of the container stays.

        The engine kills a little before the grace is over, so that its own answer is still heard.
        """
        if command:
            return f"({self.inside(name, command)}); code=$?; {self._removal(name)}; exit $code"
        words = [self.engine, "stop", "-t", str(max(1, int(grace_s * 0.9))), self._called(name)]
        return f"{shlex.join(words)} >/dev/null 2>&1; {self._removal(name)}; true"

    def _called(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def _removal(self, name: str) -> str:
        return f"{shlex.join([self.engine, 'rm', '-f', self._called(name)])} >/dev/null 2>&1"


def find(workspace: Workspace, automations: Automations, user: Mapping[str, str]) -> Containers:
    """The engine for this workspace; nobody is asked where no command wants a container."""
    items = [*automations.services.values(), *automations.tasks.values()]
    if not any(item.runs_on and item.runs_on.kind == "docker" for item in items):
        return Containers()
    engine = next((path for name in ENGINES if (path := shutil.which(name, path=user.get("PATH")))), None)
    if engine is None:
        return Containers(missing=f"there is no container engine: no {' and no '.join(ENGINES)} on the PATH")
    mark = hashlib.sha256(str(workspace.state_dir).encode()).hexdigest()[:8]
    missing = _silence(engine, user)
    return Containers(engine, str(workspace.root), f"devtools-{mark}", missing)


def _silence(engine: str, user: Mapping[str, str]) -> str:
    """What an engine that does not answer says; empty where it answers."""
    words = [engine, "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(
            words,
            env=dict(user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{engine} does not answer within {ANSWER_S:g} s"
    except OSError as fault:
        return f"{engine} cannot be run: {fault.strerror}"
    said = done.stdout.decode(errors="replace").strip().splitlines()
    return f"{engine} does not answer: {said[-1] if said else 'no word'}" if done.returncode else ""
