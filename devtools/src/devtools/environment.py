"""The environment that services and tasks get: the user's, the .env files, the ports and the database.

It must not write files (the database room may, for its passwords) and never print a value.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devtools import shim
from devtools.errors import WrongUse
from devtools.statefile import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.manifest.model import Database
    from devtools.workspace import Workspace

# Ours in a supervised process; a command that such a process runs must not take them for the user's.
FILLED = "DEVTOOLS_FILLED"  # to the one `up` that begins an instance: its tasks that are done, by name
_OWN = ("DEVTOOLS_RUN", "DEVTOOLS_ORDERED", "DEVTOOLS_PORTS", "DEVTOOLS_INJECTED", "NOTIFY_SOCKET", FILLED)
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
_PORT = re.compile(r"\$\{ports\.([A-Za-z0-9_-]+)\}")


def user_environment(workspace: Workspace) -> dict[str, str]:
    """What the user has set, in the shell or in the workspace's .env (the shell wins)."""
    environment = dict(os.environ)
    for name in environment.get("DEVTOOLS_INJECTED", "").split(","):
        environment.pop(name, None)
    for name in _OWN:
        environment.pop(name, None)
    for name, value in read_env_file(workspace.root / ".env", required=False).items():
        environment.setdefault(name, value)
    return environment


def has_external_database(environment: Mapping[str, str]) -> bool:
    """True where the user names a server of their own: then none is started."""
    return bool(environment.get("DATABASE_URL") or environment.get("PGHOST"))


def child_environment(
    workspace: Workspace,
    user: Mapping[str, str],
    ports: Mapping[str, int],
    database: Database | None,
) -> dict[str, str]:
    """The environment that every service and task of the workspace starts from."""
    environment = dict(user)
    environment["PATH"] = _path(environment.get("PATH"), str(shim.folder(workspace.state_dir)))
    if sys.prefix != sys.base_prefix:
        environment["VIRTUAL_ENV"] = sys.prefix
    environment["DEVTOOLS_WORKSPACE"] = str(workspace.root)
    environment["DEVTOOLS_STATE_DIR"] = str(workspace.state_dir)
    environment["DEVTOOLS_SOCKET"] = str(workspace.socket_file)
    environment["DEVTOOLS_PORTS"] = json.dumps(dict(ports))
    environment["DEVTOOLS_ORDERED"] = "1"
    environment.setdefault("PYTHONUNBUFFERED", "1")
    environment.pop("DEVTOOLS_INSTANCE", None)
    if instance := read_json(workspace.state_dir / "instance.json").get("name"):
        environment["DEVTOOLS_INSTANCE"] = str(instance)
    if database is not None and not has_external_database(user):
        from devtools import postgres

        made = postgres.environment(database, workspace.state_dir, port_number(database.port, ports))
        environment.update(made)
        environment["DEVTOOLS_INJECTED"] = ",".join(made)
    return environment


def database_url(environment: Mapping[str, str]) -> str | None:
    """The URL under which the workspace's database answers, from DATABASE_URL or the PG* variables."""
    if url := environment.get("DATABASE_URL"):
        return url
    if not environment.get("PGHOST"):
        return None
    from urllib.parse import quote

    user = quote(environment.get("PGUSER", ""), safe="")
    password = quote(environment.get("PGPASSWORD", ""), safe="")
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    port = environment.get("PGPORT", "5432")
    return f"postgresql://{login}{environment['PGHOST']}:{port}/{environment.get('PGDATABASE', '')}"


def port_number(text: str, ports: Mapping[str, int]) -> int:
    """The number behind a port's name, or the number itself."""
    return ports[text] if text in ports else int(text)


def expand(text: str, ports: Mapping[str, int]) -> str:
    """`text` with every `${ports.NAME}` replaced by its number."""
    return _PORT.sub(lambda match: str(ports.get(match[1], match[0])), text)


def read_env_file(path: Path, *, required: bool) -> dict[str, str]:
    """NAME=value lines, quotes and `export` allowed, comments ignored; raises WrongUse at a bad line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise WrongUse(f"{path}: the env file does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError) as fault:
        raise WrongUse(f"{path}: cannot be read: {fault}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise WrongUse(f"{path}:{number}:1: is no NAME=value line")
        found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace("\\n", "\n") if text[0] == '"' else text[1:-1]
    return re.sub(r"\s+#.*$", "", text)


def _path(inherited: str | None, shims: str) -> str:
    """The shims, then the folder of this Python, so that the workspace's own programs win."""
    first = [shims, str(Path(sys.executable).parent)]
    rest = [part for part in (inherited or os.defpath).split(os.pathsep) if part and part not in first]
    return os.pathsep.join([*first, *rest])
