"""The home's database server as its instances use it: awake when needed, its address in each tree's .env.

Must not stop that server, nor start one where the home uses a server from outside.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from devtools import environment, statefile
from devtools.instances import calls, venv
from devtools.manifest import load
from devtools.ports import LEASE_FILE
from devtools.supervisor import launch
from devtools.workspace import Workspace, locate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.instances.place import Instance
    from devtools.manifest.model import Database, Overlay


def is_shared(home: Workspace, overlay: Overlay) -> bool:
    """True where instances get databases in the home's server; with an outside one, each starts its own."""
    if overlay.database is None:
        return False
    return not environment.has_external_database(environment.user_environment(home))


def port(home: Workspace) -> int:
    """The port of the home's server."""
    from devtools.postgres.place import place_of

    return place_of(home).port


def wake(home: Workspace, spec: Database, *, is_awake: bool | None = None) -> None:
    """Start the home's server, and nothing else of the home, where nobody answers there.

    is_awake: where the caller has just asked.
    """
    if not (answers(home) if is_awake is None else is_awake):
        _of_home(home, "up", "--no-validate", "--only", spec.service)


def _of_home(home: Workspace, *arguments: str) -> None:
    command = [venv.python(home.root), "-P", "-m", "devtools", *arguments]
    calls.output_of(command, home.root, "the home", more={"DEVTOOLS_STATE_DIR": str(home.state_dir)})


def answers(home: Workspace) -> bool:
    """True where the home's own server does: another workspace's may be on that port by now."""
    import psycopg

    from devtools.instances import database

    try:
        psycopg.connect(database.address(home), connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def attach(workspace: Workspace) -> None:
    """Before an instance starts: its home's server runs, and the tree's .env has its present address."""
    facts = statefile.read_json(workspace.state_dir / LEASE_FILE)
    if not facts.get("shares_server"):
        return
    from devtools.instances.place import Instance

    folder = workspace.state_dir.parent.parent  # HOME/.devtools/instances/NAME
    found = locate(Path(str(facts["home"])))
    home = Workspace(found.root, found.file, folder.parent.parent)
    instance = Instance(home, folder.name)
    spec = load.of(home)[1].database
    if spec is None or instance.tree != workspace.state_dir.parent:
        return
    wake(home, spec)
    known = environment.read_env_file(workspace.root / ".env", required=False)
    wanted = variables(instance, spec, known.get("PGDATABASE") or instance.database)
    if any(known.get(name) != value for name, value in wanted.items()):
        write_env(instance, wanted)


def variables(instance: Instance, spec: Database, name: str) -> dict[str, str]:
    """What the instance's programs are told of its database."""
    from devtools.instances import database

    return database.variables(instance, spec, name)


def write_env(instance: Instance, made: Mapping[str, str]) -> None:
    """The tree's .env: what it had, or else the home's settings, and over them the instance's database."""
    target = instance.workspace().root / ".env"
    if target.exists():
        settings = environment.read_env_file(target, required=False)
    else:
        inherited = environment.read_env_file(instance.home.root / ".env", required=False)
        settings = {name: value for name, value in inherited.items() if not is_of_a_home(name)}
    fresh = target.with_name(".env.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        for name, value in {**settings, **made}.items():
            escaped = value.replace("\n", "\\n")
            stream.write(f'{name}="{escaped}"\n')
    fresh.replace(target)


def is_of_a_home(name: str) -> bool:
    """True for a setting that means the home's own processes, and would mislead another's."""
    return name in calls.OF_A_HOME or name.startswith(calls.OF_A_HOME_PREFIXES) or name.endswith("_URL")


def drop_database(instance: Instance, overlay: Overlay) -> bool:
    """Drop the instance's database, or its own server's data; True once it is gone."""
    if overlay.database is None:
        return True
    if not is_shared(instance.home, overlay):
        return _drop_own_server(instance)
    from devtools.instances import database

    home = instance.home
    was_awake, was_supervised = answers(home), launch.holder(home.state_dir) is not None
    wake(home, overlay.database, is_awake=was_awake)
    gone = database.drop(instance)
    if not was_awake:  # leave the home as it was
        words = ["service", "stop", overlay.database.service] if was_supervised else ["down"]
        _of_home(home, *words)
    return gone


def _drop_own_server(instance: Instance) -> bool:
    """The data of a server that ran as another user lies elsewhere, by a name that the tree's path gives."""
    from devtools.postgres.home import lent_folder

    link = instance.state_dir.resolve() / "postgres"
    folder = lent_folder(link)
    if link.is_symlink() and link.readlink() == folder and folder.exists():
        shutil.rmtree(folder)
        folder.with_suffix(".checkout").unlink(missing_ok=True)
    return not (link.is_symlink() and folder.exists())
