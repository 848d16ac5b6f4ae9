"""An instance from `create` to `remove`: each may be cut off anywhere, and the next call ends what it began.

Must not touch the home's own worktree, ports or database, and never drop work that is not committed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from devtools import locks, ports
from devtools.errors import Blocked, DevtoolsError, WrongUse
from devtools.instances import calls, filling, running, server, trees, venv
from devtools.instances.place import Instance, existing, lease, named
from devtools.manifest import load
from devtools.statefile import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from devtools.manifest.model import Database, Overlay
    from devtools.workspace import Workspace

    Say = Callable[[str], None]
    Fill = Callable[[Instance, Database], str]

LOCK_PATIENCE_S = 20.0


def _quiet(_: str) -> None:
    """For callers that want to hear nothing."""


def create(
    home: Workspace,
    name: str,
    refs: Mapping[str, str] | None = None,
    *,
    say: Say = _quiet,
    fill: Fill | None = None,
) -> Instance:
    """Make the instance, or end what an earlier call began; `refs` by repository id ("." the home's own).

    Nothing of it runs yet, but the home's database server does. fill: makes the database in the place of a
    clone of the template, and returns its name. Raises DevtoolsError with what to do.
    """
    instance = named(home, name)
    overlay = overlay_of(home)
    spec = overlay.database if server.is_shared(home, overlay) else None
    with alone(instance), ThreadPoolExecutor(1) as aside:
        is_awake = aside.submit(server.answers, home) if spec is not None else None  # while git works
        with _in_turn(home):
            before = instance.record
            instance.remember(state="creating", first_port=lease(instance))
            shas = trees.make(instance, overlay.repositories, refs or {})
        instance.workspace().make_state_dir()
        first = instance.record["first_port"]
        facts = {"name": name, "first_port": first, "home": str(home.root), "shares_server": spec is not None}
        write_json(instance.state_dir / ports.LEASE_FILE, facts)
        say(f"worktree {instance.tree}")
        if not venv.overlay(home.root, instance.tree) and (instance.tree / "dev").exists():
            say("the lock differs from the home's: installs its own packages")
            running.in_tree(instance, [str(instance.tree / "dev"), "install"])
        if spec is not None and is_awake is not None:
            server.wake(home, spec, is_awake=is_awake.result())
            made = (fill or Cloning(say))(instance, spec)
            server.write_env(instance, server.variables(instance, spec, made))
            say(f"database {made}")
        else:
            server.write_env(instance, {})
        instance.remember(state="ready", shas=shas, base=before.get("base") or shas)
    return instance


def fillers(home: Workspace) -> list[str]:
    """The tasks that need the database's service and nothing else: they fill it."""
    tasks, overlay = load.of(home)[0].tasks, overlay_of(home)
    service = overlay.database.service if overlay.database else ""
    return [name for name in tasks if set(_needs(overlay, name)) == {service}]


class Cloning:
    """Fills an instance by a clone of the template that has the migrations applied.

    filled: the tasks that need not run in it, see `filling`.
    """

    def __init__(self, say: Say) -> None:
        self.say = say
        self.filled: list[str] = []

    def __call__(self, instance: Instance, spec: Database) -> str:
        """Make the database; returns its name."""
        from devtools.instances import database

        tasks = fillers(instance.home)

        def migrate(fresh: str) -> None:
            self.say(f"a new template: {', '.join(tasks) or 'empty'}")
            if tasks:
                running.stop(instance)  # of a killed call: to its supervisor these tasks would be done
                server.write_env(instance, server.variables(instance, spec, fresh))
                running.devtools(instance, "up", "--no-validate", "--only", ",".join(tasks))
                running.devtools(instance, "down")

        origin = filling.origin(instance, overlay_of(instance.home).repositories, tasks)
        self.filled = tasks if database.clone(instance, spec, migrate, origin) else []
        return instance.database


def from_template(instance: Instance, spec: Database, say: Say) -> str:
    """A clone of the template that has the migrations applied; returns its name."""
    return Cloning(say)(instance, spec)


def copying(home: Workspace, source: str) -> Fill:
    """Fills an instance with the data of another, which must not run. Raises DevtoolsError."""
    other = there(home, source)
    if running.lives(other):
        raise Blocked(f"instance {source} runs", hint=f"devtools instance exec {source} -- devtools down")

    def fill(instance: Instance, spec: Database) -> str:
        from devtools.instances import database

        return database.copy(instance, spec, other.database)

    return fill


def _needs(overlay: Overlay, task: str) -> Mapping[str, str]:
    return overlay.tasks[task].depends_on if task in overlay.tasks else {}


def remove(home: Workspace, name: str, *, force: bool = False) -> dict[str, Any]:
    """Remove the instance and prove it: what is gone, by kind, and the branches kept for their commits.

    Raises Blocked where work would be lost and not `force`, DevtoolsError where something is left.
    """
    instance = named(home, name)
    if not instance.folder.exists():
        raise WrongUse(f"there is no instance {name}", hint="devtools instance list")
    overlay = overlay_of(home)
    with alone(instance):
        if not force:
            _refuse_loss(instance, overlay)
        instance.remember(state="removing")
        gone: dict[str, bool] = {}
        listening = running.stop(instance)
        strangers = running.others(instance, end=force)
        if strangers:
            raise Blocked(
                f"in instance {name} there still work: {', '.join(strangers)}",
                hint="end them, or remove --force",
            )
        gone["processes"] = not running.lives(instance)
        gone["ports"] = running.all_free(instance, listening)
        gone["database"] = server.drop_database(instance, overlay)
        if not force:
            _refuse_loss(instance, overlay)  # once more: stopping took a while
        kept = trees.drop(instance, overlay.repositories)
        gone["worktrees"] = not trees.left(instance, overlay.repositories)
        left = [kind for kind, is_gone in gone.items() if not is_gone]
        if left:
            raise DevtoolsError(
                f"of instance {name} there is left: {', '.join(left)}", hint=f"instance remove {name}"
            )
        shutil.rmtree(instance.folder)
    return {"name": name, "gone": gone, "branches_kept": kept}


def _refuse_loss(instance: Instance, overlay: Overlay) -> None:
    lost = trees.unsaved(instance, overlay.repositories)
    if lost:
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        raise Blocked(
            f"instance {instance.name} has uncommitted work: {shown}",
            hint=f"commit it in {instance.tree}, or remove --force",
        )


def listing(home: Workspace) -> list[dict[str, Any]]:
    """Every instance: name, state, folder, branch, commits, ports, database, and whether it runs."""
    return [row(instance) for instance in existing(home)]


def row(instance: Instance) -> dict[str, Any]:
    """What `list` tells of one instance."""
    record = instance.record
    return {
        "name": instance.name,
        "state": record.get("state", "unknown"),
        "running": running.lives(instance),
        "tree": str(instance.tree),
        "branch": instance.branch,
        "shas": record.get("shas", {}),
        "first_port": record.get("first_port"),
        "ports": running.port_numbers(instance),
        "database": instance.database if server.is_shared(instance.home, overlay_of(instance.home)) else None,
    }


def there(home: Workspace, name: str) -> Instance:
    """The instance of this name; raises WrongUse where it was never begun."""
    instance = named(home, name)
    if not instance.folder.exists():
        raise WrongUse(f"there is no instance {name}", hint="devtools instance list")
    return instance


def overlay_of(home: Workspace) -> Overlay:
    """What the home's workspace.yaml says."""
    return load.of(home)[1]


@contextlib.contextmanager
def alone(instance: Instance) -> Generator[None]:
    """Only one command changes an instance at a time; what a killed one started counts until it has ended."""
    instance.folder.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(instance.folder.parent / f".{instance.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not locks.take(descriptor, LOCK_PATIENCE_S):
            raise Blocked(f"another command changes instance {instance.name}", hint="wait for it")
        calls.held.add(descriptor)
        yield
    finally:
        calls.held.discard(descriptor)
        os.close(descriptor)


@contextlib.contextmanager
def _in_turn(home: Workspace) -> Generator[None]:
    """Leases and worktrees of one home are made one after the other."""
    descriptor = os.open(home.state_dir / "instances" / ".turn.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
