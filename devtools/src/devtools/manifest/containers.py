"""Commands that the format wants in a container (`runsOn: docker`), wrapped for the engine of this machine.

It must not run them: it asks only whether an engine answers, and removes what a killed supervisor left.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

    def start(self, name: str, command: str, runs_on: RunsOn, told: Iterable[str] = ()) -> str:
        """The command in a container of its own, in the workspace's folder and network.

        A container that a killed engine client left behind is removed first. told: names of variables that
        the overlay gives it; their values come from the client's environment, not over its command line.
        """
        variables = [word for item in (*told, *runs_on.environment) for word in ("-e", item)]
        words = [
            self.engine, "run", "--rm", "--init", "--name", self._called(name), "--label", self._label(),
            "--network", "host",
            "-v", f"{self.root}:{self.root}", "-w", self.root, *variables,
            "--entrypoint", "sh", runs_on.image, "-c", command,
        ]  # fmt: skip
        return f"{self.removal(name)}; exec {shlex.join(words)}"

    def inside(self, name: str, command: str) -> str:
        """A probe's command in the running container."""
        return "exec " + shlex.join([self.engine, "exec", self._called(name), "sh", "-c", command])

    def stop(self, name: str, command: str, grace_s: float) -> str:
        """The service's own stop in the container, else the engine's.

        The engine kills a little before the grace is over, so that its own answer is still heard.
        """
        if command:
            return self.inside(name, command)
        words = [self.engine, "stop", "-t", str(max(1, int(grace_s * 0.9))), self._called(name)]
        return f"{shlex.join(words)} >/dev/null 2>&1; true"

    def removal(self, name: str) -> str:
        """Ends and removes the container at once, whatever became of the engine's client.

        Alone, the `rm -f` of podman would wait ten seconds for one that does not hear SIGTERM.
        """
        words = [[self.engine, *verb, self._called(name)] for verb in (("kill",), ("rm", "-f"))]
        return "; ".join(f"{shlex.join(word)} >/dev/null 2>&1" for word in words)

    def sweep(self, user: Mapping[str, str]) -> int:
        """Remove all containers of this workspace, whose supervisor was killed; how many there were."""
        if self.missing:
            return 0
        found = self._said(user, "ps", "--all", "--quiet", "--filter", f"label={self._label()}").split()
        if found:
            self._said(user, "kill", *found)
            self._said(user, "rm", "-f", *found)
        return len(found)

    def _said(self, user: Mapping[str, str], *words: str) -> str:
        done = subprocess.run(
            [self.engine, *words], env=dict(user), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        return done.stdout

    def _called(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def _label(self) -> str:
        return f"devtools.workspace={self.prefix}"


def find(workspace: Workspace, automations: Automations, user: Mapping[str, str]) -> Containers:
    """The engine for this workspace; nobody is asked where no command wants a container."""
    items = [*automations.services.values(), *automations.tasks.values()]
    if not any(item.runs_on and item.runs_on.kind == "docker" for item in items):
        return Containers()
    import hashlib  # with OpenSSL behind it: only where there is a container

    mark = hashlib.sha256(str(workspace.state_dir).encode()).hexdigest()[:8]
    silent: list[str] = []
    for engine in filter(None, (shutil.which(name, path=user.get("PATH")) for name in ENGINES)):
        if not (why := _silence(engine, user)):
            return Containers(engine, str(workspace.root), f"devtools-{mark}", missing="")
        silent.append(why)  # a client without its daemon: another engine may well be there
    none = f"there is no container engine: no {' and no '.join(ENGINES)} on the PATH"
    return Containers(missing="; ".join(silent) or none)


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
