"""A first automations.yaml from what a folder holds: Procfile, compose file, package scripts, Python project.

It must only read and propose: nothing is run, and what it cannot tell it leaves out.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from devtools.manifest.source import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from devtools.manifest.source import Node

FIRST_PORT, PORT_STEP = 5000, 100  # what foreman and honcho give to the processes of a Procfile
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
SERVING = ("dev", "start", "serve")
ONCE = ("build", "test", "lint", "typecheck", "format", "migrate", "seed")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@=+-]*( [A-Za-z0-9_./@=+-]+)*")
_WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_FORBIDDEN = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_PROCESS = re.compile(r"^([A-Za-z0-9_-]+)\s*:\s*(\S.*)$")


@dataclass
class Draft:
    """What was found: services and tasks by id, and the files that they come from."""

    services: dict[str, dict[str, Any]] = field(default_factory=lambda: {})
    tasks: dict[str, dict[str, Any]] = field(default_factory=lambda: {})
    sources: list[str] = field(default_factory=lambda: [])

    def service(self, name: str, start: str, *, ready: str = "", stop: str = "") -> None:
        """Propose a service that starts with the environment."""
        commands = {"start": start, "ready": ready, "stop": stop}
        self.services[self._id(name)] = {
            "name": name,
            "commands": {key: text for key, text in commands.items() if text},
            "triggeredBy": ["postEnvironmentStart"],
        }

    def task(self, name: str, command: str, trigger: str = "manual") -> None:
        """Propose a task."""
        self.tasks[self._id(name)] = {"name": name, "command": command, "triggeredBy": [trigger]}

    def _id(self, name: str) -> str:
        """An id that the format allows and nothing else has."""
        wanted = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:100] or "service"
        found, number = wanted, 2
        while found in self.services or found in self.tasks:
            found, number = f"{wanted}-{number}", number + 1
        return found

    def text(self) -> str:
        """The file."""
        origin = f", drafted from {', '.join(self.sources)}" if self.sources else ""
        lines = [
            f"# Services and tasks of this folder, in the Ona / Gitpod Automations format{origin}.",
            "# `devtools automations validate` checks it, `devtools up` runs it.",
        ]
        for section, items in (("services", self.services), ("tasks", self.tasks)):
            lines.append(f"{section}:" if items else f"{section}: {{}}")
            for name, item in items.items():
                lines += [f"  {_quoted(name)}:", *_lines(item, "    ")]
        return "\n".join(lines) + "\n"


def draft(folder: Path) -> Draft:
    """Propose a file for `folder`; files that nobody can read are passed over."""
    found = Draft()
    readers: dict[str, Callable[[Path, Draft], None]] = {
        "Procfile": _procfile,
        **dict.fromkeys(COMPOSE, _compose),
        "package.json": _package,
        "pyproject.toml": _pyproject,
        "manage.py": _django,
    }
    for name, reader in readers.items():
        path = folder / name
        if path.is_file():
            before = len(found.services) + len(found.tasks)
            reader(path, found)
            if len(found.services) + len(found.tasks) > before:
                found.sources.append(name)
    return found


def _procfile(path: Path, found: Draft) -> None:
    port = FIRST_PORT
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _PROCESS.match(line.strip())
        if match is None:
            continue
        name, command = match[1], match[2].strip()
        if name == "release":
            found.task(name, command, "postEnvironmentStart")
            continue
        if re.search(r"\$\{?PORT\b", command):
            command = f"export PORT=${{PORT:-{port}}}; {command}"
        found.service(name, command)
        port += PORT_STEP


def _compose(path: Path, found: Draft) -> None:
    root, _ = read(path)
    services = root.get("services") if root else None
    if "compose" in " ".join(found.sources) or services is None:
        return  # compose itself reads only one of its names
    for key, node in services.pairs:
        port = _published(node.get("ports"))
        found.service(
            key.text,
            f"docker compose up {key.text}",
            ready=f"echo > /dev/tcp/127.0.0.1/{port}" if port else "",
            stop=f"docker compose stop {key.text}",
        )


def _published(ports: Node | None) -> str:
    """The first port of the host that a compose service publishes."""
    for item in ports.items if ports else ():
        published = item.get("published") if item.kind == "mapping" else None
        parts = item.text.split("/")[0].split(":")
        text = published.text if published else parts[-2] if len(parts) > 1 else ""
        if text.isdecimal():
            return text
    return ""


def _package(path: Path, found: Draft) -> None:
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return
    if not isinstance(content, dict):
        return
    scripts = cast("dict[str, object]", content).get("scripts")
    tool, install = _package_tool(path.parent)
    found.task("install", install, "postDevcontainerStart")
    names = list(cast("dict[str, object]", scripts)) if isinstance(scripts, dict) else []
    serving = next((name for name in SERVING if name in names), None)
    if serving:
        found.service(serving, f"{tool} run {serving}")
    for name in names:
        if name in ONCE:
            found.task(name, f"{tool} run {name}")


def _package_tool(folder: Path) -> tuple[str, str]:
    for lock, tool, install in (
        ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn", "yarn install"),
        ("bun.lock", "bun", "bun install"),
        ("bun.lockb", "bun", "bun install"),
        ("package-lock.json", "npm", "npm ci"),
    ):
        if (folder / lock).is_file():
            return tool, install
    return "npm", "npm install"


def _pyproject(path: Path, found: Draft) -> None:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return
    tools: object = content.get("tool")
    known: set[str] = set(cast("dict[str, object]", tools)) if isinstance(tools, dict) else set()
    folder = path.parent
    if (folder / "uv.lock").is_file():
        runner, install = "uv run ", "uv sync"
    elif (folder / "poetry.lock").is_file() or "poetry" in known:
        runner, install = "poetry run ", "poetry install"
    elif (folder / "pdm.lock").is_file():
        runner, install = "pdm run ", "pdm install"
    else:
        runner, install = "", "python3 -m pip install -e ."
    found.task("install", install, "postDevcontainerStart")
    if "pytest" in known or (folder / "tests").is_dir():
        found.task("test", f"{runner}pytest" if runner else "python3 -m pytest")


def _django(path: Path, found: Draft) -> None:
    if "django" not in path.read_text(encoding="utf-8", errors="replace"):
        return
    found.task("migrate", "python3 manage.py migrate", "postEnvironmentStart")
    ready = "echo > /dev/tcp/127.0.0.1/8000"
    found.service("web", "python3 manage.py runserver 127.0.0.1:8000", ready=ready)


def _lines(item: Mapping[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in item.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_lines(cast("dict[str, Any]", value), indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{key}: [{', '.join(map(_quoted, cast('list[str]', value)))}]")
        else:
            lines.append(f"{indent}{key}: {_quoted(value)}")
    return lines


def _quoted(text: str) -> str:
    """Text as YAML that is text again, whatever it holds."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
