"""What nearly every command begins with: the workspace, its files, its plan and its supervisor.

It must not print results or choose exit codes.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from devtools import identity, statefile
from devtools.errors import Blocked, DevtoolsError
from devtools.supervisor import launch
from devtools.workspace import Workspace, locate

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from devtools import ports
    from devtools.manifest.model import Automations, Overlay
    from devtools.plan import Plan
    from devtools.supervisor.client import Client

# What reads the files is imported where it is needed: `up` launches the supervisor before it.

UP_LOCK = "up.lock"
GIVEN = "given-"
TRIGGERS = ("postEnvironmentStart", "postDevcontainerStart")


class Session:
    """One command's view of a workspace; files are read when first needed."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @cached_property
    def client(self) -> Client:
        """The way to the supervisor, which may not be there."""
        from devtools.supervisor.client import Client

        return Client(self.workspace)

    @cached_property
    def files(self) -> tuple[Automations, Overlay]:
        """The two files; raises BadFile with every error."""
        from devtools.manifest.load import load

        assert self.workspace.file is not None
        file = self.given if self.given.is_file() else self.workspace.file
        return load(file, self.workspace.state_dir / "run", self.workspace.root)

    @property
    def services(self) -> list[str]:
        """The ids of all services, replicas among them."""
        automations, overlay = self.files
        replicas = [
            f"{name}-{copy}"
            for name, extra in overlay.services.items()
            for copy in range(2, extra.replicas + 1)
        ]
        return [*automations.services, *replicas]

    @property
    def given(self) -> Path:
        """What `automations update FILE` put in the place of the workspace's own file, until that changes.

        Named by the own file's inode and time, so that no repository can bring one with it.
        """
        assert self.workspace.file is not None
        own = self.workspace.file.stat()
        name = f"{GIVEN}{own.st_dev:x}-{own.st_ino:x}-{own.st_mtime_ns:x}.yaml"
        return self.workspace.state_dir / "run" / name

    def forget_given(self) -> None:
        """Take the workspace's own file again."""
        for file in (self.workspace.state_dir / "run").glob(f"{GIVEN}*"):
            file.unlink(missing_ok=True)

    @cached_property
    def user(self) -> dict[str, str]:
        """The user's own environment."""
        from devtools import environment

        return environment.user_environment(self.workspace)

    def plan(self, chosen: dict[str, int] | None = None) -> Plan:
        """The plan with the given ports, else with those that earlier calls chose."""
        from devtools import ports, shim
        from devtools.manifest import containers
        from devtools.manifest.resolve import resolve

        automations, overlay = self.files
        numbers = ports.kept(self.workspace, overlay.ports) if chosen is None else chosen
        self.workspace.make_state_dir()
        shim.install(self.workspace.state_dir)
        engine = containers.find(self.workspace, automations, self.user)
        return resolve(self.workspace, automations, overlay, numbers, self.user, engine)

    def choose_ports(self, *, anew: bool = False) -> ports.Choice:
        """Settle the ports; that of a database which is not ours to start is left alone.

        anew: the supervisor that serves was only just launched, so nothing holds the ports of the last time.
        """
        from devtools import environment, ports

        overlay = self.files[1]
        unused: frozenset[str] = frozenset()
        if overlay.database and environment.has_external_database(self.user):
            unused = frozenset({overlay.database.port})
        self.workspace.make_state_dir()
        return ports.choose(self.workspace, overlay.ports, unused, anew=anew)

    def status(self) -> dict[str, Any] | None:
        """What the supervisor says, None where there is none."""
        return self.client.get("/v1/status")


def import_all() -> tuple[object, ...]:
    """Import now what a session imports when it needs it."""
    from devtools import environment, ports, shim
    from devtools.manifest import containers, load, resolve
    from devtools.supervisor import client

    return environment, ports, shim, containers, load, resolve, client


def open_session() -> Session:
    """The session of the workspace around the current folder; raises WrongUse where there is none."""
    return Session(locate())


def is_within(session: Session) -> bool:
    """True in a process that this workspace's supervisor runs: its environment is not the user's."""
    return bool(os.environ.get("DEVTOOLS_RUN")) and session.client.is_there()


def need_supervisor(session: Session) -> dict[str, Any]:
    """The supervisor's status; raises DevtoolsError where nothing runs."""
    status = session.status()
    if status is None:
        raise DevtoolsError("nothing is running here", hint="`devtools up` starts the workspace")
    return status


@contextlib.contextmanager
def only_one(workspace: Workspace, what: str) -> Generator[None]:
    """Hold the right to change the workspace; raises Blocked that names the holder."""
    import fcntl

    workspace.make_state_dir()
    descriptor = os.open(workspace.state_dir / UP_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Blocked(_holder_of(workspace), hint="wait for it to end, or stop it with Ctrl-C") from None
        person = {**identity.own().to_json(), "what": what, "since": time.time()}
        statefile.write_json(workspace.state_dir / "up.json", person)
        yield
    finally:
        os.close(descriptor)


def _holder_of(workspace: Workspace) -> str:
    person: dict[str, Any] = {}
    for _ in range(50):  # the holder writes its name right after it has taken the lock
        person = statefile.read_json(workspace.state_dir / "up.json")
        if identity.is_alive(identity.from_json(person)):
            break
        time.sleep(0.01)
    what, pid = person.get("what", "another command"), person.get("pid", "unknown")
    age = time.time() - float(person.get("since", time.time()))
    return f"another `{what}` is at work here: pid {pid}, for {age:.0f} s"


def launched(session: Session) -> launch.Launched | None:
    """Start the supervisor unless there is one; to be given to `launch.await_ready`."""
    # The socket alone is no proof: it may lie in a temporary folder, its supervisor's state deleted since.
    if launch.holder(session.workspace.state_dir) is not None and session.client.is_there():
        return None
    return launch.launch(session.workspace)


def has_leftovers(workspace: Workspace) -> bool:
    """True where processes of this instance live without a supervisor."""
    from devtools.supervisor import recorded, tree

    state = statefile.read_json(workspace.state_dir / "state.json")
    token = state.get("token")
    if not token:
        return False
    if tree.marked(f"{token}:"):
        return True
    # What cleared its environment is known by its record, which must be proven: it may be stale or forged.
    return bool(recorded.living(str(token), state.get("runs"), workspace.state_dir / "logs"))
