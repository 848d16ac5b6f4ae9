"""`gitpod …` and `ona …` as commands of a file call them back: automations and ports of this workspace.

It must not pretend what only the platform can do: that is left to its own program, or refused in one line.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from devtools import console, shim, statefile
from devtools.errors import DevtoolsError, WrongUse
from devtools.workspace import Workspace, locate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AUTOMATIONS = ("automations", "automation", "auto")
ENVIRONMENTS = ("environment", "env")
PORTS = ("port", "ports")


def call(arguments: list[str]) -> int:
    """Answer `gitpod …` or `ona …`; the first argument is the program's name."""
    if not arguments or arguments[0] not in shim.NAMES:
        raise WrongUse("devtools platform gitpod|ona …", hint="services find both on their PATH")
    program, words = arguments[0], arguments[1:]
    if words[:1] and words[0] in AUTOMATIONS:
        from devtools.cli.app import main

        return main(["automations", *words[1:]])
    workspace = locate(required=False)
    if theirs := _theirs(program, workspace):
        os.execv(theirs, [theirs, *words])  # noqa: S606 (to become the platform's own program is what is asked)
    if len(words) > 1 and words[0] in ENVIRONMENTS and words[1] in PORTS:
        return _port(workspace, words[2] if len(words) > 2 else "", words[3:])
    shown = " ".join([program, *words[:3]])
    raise DevtoolsError(
        f"`{shown}` is for the platform alone; this workspace runs on a machine of its own",
        hint=f"install the platform's `{program}`, or leave this out where there is none",
    )


def without_environment(arguments: list[str]) -> list[str]:
    """A command line without `--environment-id ID`: there is one environment, this workspace."""
    kept: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            return [*kept, argument, *pending]
        if argument == "--environment-id":
            next(pending, None)
        elif not argument.startswith("--environment-id="):
            kept.append(argument)
            continue
        console.warn("--environment-id means nothing here: there is one environment, this workspace")
    return kept


def _theirs(program: str, workspace: Workspace) -> str | None:
    """The platform's own program behind ours on the PATH."""
    own = os.path.realpath(shim.folder(workspace.state_dir))
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(program, path=os.pathsep.join(x for x in parts if x and os.path.realpath(x) != own))


def _port(workspace: Workspace, verb: str, words: list[str]) -> int:
    folder = workspace.state_dir / "opened"
    if verb == "list":
        return _list(folder, _option(words, "--output", "-o"))
    if verb not in ("open", "close"):
        raise WrongUse(f"no verb `{verb}` for ports", hint="list, open or close")
    number = next((word for word in words if word.isascii() and word.isdecimal()), "")
    if len(number) > 5 or not 0 < int(number or 0) < 65536:
        raise WrongUse(f"port {verb}: a number from 1 to 65535 is missing")
    if verb == "close":
        (folder / f"{number}.json").unlink(missing_ok=True)
        return 0
    scheme = "https" if _option(words, "--protocol") == "https" else "http"
    url = f"{scheme}://localhost:{number}"
    opened = {
        "port": int(number),
        "name": _option(words, "--name", "-n"),
        "url": url,
    }
    folder.mkdir(parents=True, exist_ok=True)
    statefile.write_json(folder / f"{number}.json", opened)  # a file a port: no opener overwrites another
    console.out(url)
    return 0


def _list(folder: Path, output: str) -> int:
    found = sorted(_opened(folder), key=lambda item: item["port"])
    if output == "json":
        console.out_json(found)
    elif output == "yaml":
        console.out_yaml(found)
    else:
        console.table(
            ["PORT", "NAME", "URL"], [[str(item["port"]), item["name"] or "-", item["url"]] for item in found]
        )
    return 0


def _opened(folder: Path) -> Iterator[dict[str, Any]]:
    for path in folder.glob("*.json") if folder.is_dir() else ():
        if re.fullmatch(r"\d+", path.stem) and (item := statefile.read_json(path)).get("url"):
            yield item


def _option(words: list[str], *names: str) -> str:
    """The text of an option, as `--name X` or `--name=X`; empty where it is not given."""
    for index, word in enumerate(words):
        name, has_value, value = word.partition("=")
        if name in names:
            return value if has_value else (words[index + 1] if index + 1 < len(words) else "")
    return ""
