"""Reads workspace.yaml, the overlay that says what the automations format cannot, all errors at once.

It must not change what automations.yaml means: it only adds.
"""

from __future__ import annotations

import re
import shlex
import signal
from typing import TYPE_CHECKING

from devtools.manifest.model import (
    CONDITIONS,
    RESTART_POLICIES,
    Automations,
    Command,
    Database,
    Overlay,
    ProbeText,
    Repository,
    ServiceOverlay,
)
from devtools.manifest.repositories import named, one_or_more, read_repositories
from devtools.manifest.shape import Checker, did_you_mean
from devtools.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Collection

    from devtools.manifest.source import Node

TOP_KEYS = ("workspace", "repositories", "ports", "services", "tasks", "database", "commands")
SERVICE_KEYS = (
    "dependsOn",
    "ready",
    "live",
    "restart",
    "ports",
    "env",
    "envFile",
    "stop",
    "replicas",
    "watch",
    "repository",
    "restartWith",
    "profiles",
)
TASK_KEYS = ("dependsOn", "env", "envFile", "repository", "profiles")
PROBE_KINDS = ("exec", "http", "tcp", "log", "notify")
_PROBE_KEYS = {
    "exec": ("command",),
    "http": ("port", "path", "host", "status"),
    "tcp": ("port", "host"),
    "log": ("pattern",),
    "notify": (),
}
_COMMAND = re.compile(r"^[a-z][a-z0-9-]{0,63}$")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def read_overlay(root: Node, automations: Automations, check: Checker) -> Overlay:
    """The overlay's keys, judged against the services and tasks that they add to."""
    top = check.mapping(root, "", TOP_KEYS) or {}
    top = {name: node for name, node in top.items() if node.kind != "null"}
    reader = _Reader(automations, check)
    reader.ports = reader.read_ports(top.get("ports"))
    reader.repositories = read_repositories(top.get("repositories"), check)
    services = reader.section(top.get("services"), "services", sorted(automations.services))
    reader.replica_ports(top.get("services"), services)
    workspace = check.string(top["workspace"], "workspace", filled=True) if "workspace" in top else None
    return Overlay(
        workspace=workspace,
        repositories=reader.repositories,
        ports=reader.ports,
        services=services,
        tasks=reader.section(top.get("tasks"), "tasks", sorted(automations.tasks)),
        database=reader.database(top.get("database")),
        commands=reader.commands(top.get("commands")),
    )


class _Reader:
    def __init__(self, automations: Automations, check: Checker) -> None:
        self.check = check
        self.automations = automations
        self.known = [*automations.services, *automations.tasks]
        self.ports: dict[str, int] = {}
        self.repositories: dict[str, Repository] = {}

    def read_ports(self, node: Node | None) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, (_, value) in self.check.identifiers(node, "ports").items():
            number = self.check.integer(value, f"ports.{name}", 1, 65535)
            if number is not None:
                found[name] = number
        return found

    def section(self, node: Node | None, path: str, known: list[str]) -> dict[str, ServiceOverlay]:
        found: dict[str, ServiceOverlay] = {}
        for name, (key, value) in self.check.identifiers(node, path).items():
            if name not in known:
                hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
                self.check.error(key, f"{path}.{name}", f"automations.yaml has no {path[:-1]} `{name}`", hint)
            found[name] = self.overlay(name, value, f"{path}.{name}", path == "services")
        return found

    def overlay(self, name: str, node: Node, path: str, is_service: bool) -> ServiceOverlay:
        values = self.check.mapping(node, path, SERVICE_KEYS if is_service else TASK_KEYS) or {}
        policy, backoff, most = self.restart(values.get("restart"), f"{path}.restart")
        stop_signal, grace = self.stop(values.get("stop"), f"{path}.stop")
        replicas = 1
        if "replicas" in values:
            replicas = self.check.integer(values["replicas"], f"{path}.replicas", 0, 100) or 0
        return ServiceOverlay(
            depends_on=self.depends_on(name, values.get("dependsOn"), f"{path}.dependsOn"),
            ready=self.probe(values.get("ready"), f"{path}.ready"),
            live=self.probe(values.get("live"), f"{path}.live"),
            restart_policy=policy,
            restart_backoff_s=backoff,
            restart_max=most,
            ports=tuple(self.port_names(values.get("ports"), f"{path}.ports")),
            env=self.env(values.get("env"), f"{path}.env"),
            env_files=tuple(one_or_more(values.get("envFile"), f"{path}.envFile", self.check)),
            stop_signal=stop_signal,
            stop_grace_s=grace,
            replicas=replicas,
            watch=tuple(one_or_more(values.get("watch"), f"{path}.watch", self.check)),
            repositories=self.known_names(
                values.get("repository"), f"{path}.repository", "repository", self.repositories
            ),
            restart_with=self.known_names(
                values.get("restartWith"), f"{path}.restartWith", "service", self.automations.services
            ),
            profiles=tuple(one_or_more(values.get("profiles"), f"{path}.profiles", self.check)),
        )

    def known_names(self, node: Node | None, path: str, what: str, known: Collection[str]) -> tuple[str, ...]:
        """One name of `known`, or a list of them."""
        names = named(node, path, self.check)
        for name, item in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
                self.check.error(item, path, f"no {what} is called `{name}`", hint)
        return tuple(name for name, _ in names)

    def replica_ports(self, node: Node | None, services: dict[str, ServiceOverlay]) -> None:
        """A name and a number for the ports of every further replica: api gives api-2, api-3 …"""
        for name, extra in services.items():
            place = node.get(name) if node is not None else None
            for copy in range(2, extra.replicas + 1):
                if place is not None and f"{name}-{copy}" in self.known:
                    message = f"replica {copy} would be called `{name}-{copy}`, which there is already"
                    self.check.error(place, f"services.{name}.replicas", message)
                for port in extra.ports:
                    if port in self.ports:
                        taken = set(self.ports.values())
                        free = (
                            number for number in range(self.ports[port] + 1, 65536) if number not in taken
                        )
                        self.ports.setdefault(f"{port}-{copy}", next(free, self.ports[port]))
                    elif place is not None and copy == 2:
                        hint = "name it under the top-level `ports`: each replica gets a number of its own"
                        message = f"the replicas cannot all listen on port {port}"
                        self.check.error(place, f"services.{name}.ports", message, hint)

    def depends_on(self, name: str, node: Node | None, path: str) -> dict[str, str]:
        if node is None:
            return {}
        if node.kind == "sequence":  # the short form: [postgres, migrate], each with its natural condition
            pairs = [(text, None, item) for text, item in self.check.strings(node, path)]
        else:
            values = self.check.mapping(node, path) or {}
            pairs = [(key, value, value) for key, value in values.items()]
        found: dict[str, str] = {}
        for target, value, where in pairs:
            if target == name or target not in self.known:
                hint = did_you_mean(target, self.known) or f"known: {', '.join(sorted(self.known))}"
                message = "cannot depend on itself" if target == name else f"nothing is called `{target}`"
                self.check.error(where, f"{path}.{target}", message, hint if target != name else None)
                continue
            natural = "completed" if target in self.automations.tasks else "ready"
            found[target] = natural
            if value is not None:
                found[target] = self.check.choice(value, f"{path}.{target}", CONDITIONS) or natural
        return found

    def probe(self, node: Node | None, path: str) -> ProbeText | None:
        if node is None:
            return None
        values = self.check.mapping(node, path, (*PROBE_KINDS, "timeout", "interval"))
        if values is None:
            return None
        kinds = [kind for kind in PROBE_KINDS if kind in values]
        if not kinds and len(values) < len(node.pairs):
            return None  # a misspelt kind has been told already
        if len(kinds) != 1:
            self.check.error(node, path, f"names exactly one of {', '.join(PROBE_KINDS)}")
            return None
        kind = kinds[0]
        timeout, interval = (
            self.check.duration(values[key], f"{path}.{key}") if key in values else None
            for key in ("timeout", "interval")
        )
        return self.probe_details(kind, values[kind], f"{path}.{kind}", timeout, interval)

    def probe_details(
        self, kind: str, node: Node, path: str, timeout_s: float | None, interval_s: float | None
    ) -> ProbeText | None:
        short = {"exec": "command", "log": "pattern", "tcp": "port", "http": "port"}.get(kind)
        if kind == "notify" and (node.kind in ("null", "boolean") or not node.pairs):
            return ProbeText("notify", timeout_s=timeout_s, interval_s=interval_s)
        if short and node.kind in ("string", "integer"):
            texts = {short: node.text}
            places = {short: node}
        else:
            places = self.check.mapping(node, path, _PROBE_KEYS[kind])
            if places is None:
                return None
            texts = {key: self.check.text(item, f"{path}.{key}") or "" for key, item in places.items()}
        if short and not texts.get(short):
            self.check.error(node, path, f"has no {short}")
            return None
        if "port" in texts:
            self.port(texts["port"], places["port"], f"{path}.port")
        if "pattern" in texts and not _is_pattern(texts["pattern"]):
            self.check.error(places["pattern"], f"{path}.pattern", "is no regular expression")
            return None
        return ProbeText(
            kind,
            command=texts.get("command", ""),
            port=texts.get("port", ""),
            path=texts.get("path", "/"),
            host=texts.get("host", ""),
            status=self.status(texts.get("status"), places.get("status"), f"{path}.status"),
            pattern=texts.get("pattern", ""),
            timeout_s=timeout_s,
            interval_s=interval_s,
        )

    def status(self, text: str | None, node: Node | None, path: str) -> tuple[int, int]:
        if text is None or node is None:
            return (200, 399)
        match = re.fullmatch(r"([1-5]\d\d)(?:-([1-5]\d\d))?", text)
        if match is None:
            self.check.error(node, path, f"`{text}` is no status", "200 or 200-399")
            return (200, 399)
        return int(match[1]), int(match[2] or match[1])

    def port(self, text: str, node: Node, path: str) -> None:
        if text.isdecimal() and 0 < int(text) < 65536:
            return
        if text not in self.ports:
            hint = did_you_mean(text, self.ports) or "a number, or a name from the top-level `ports`"
            self.check.error(node, path, f"no port is called `{text}`", hint)

    def port_names(self, node: Node | None, path: str) -> list[str]:
        found: list[str] = []
        for name, item in self.check.strings(node, path) if node else []:
            self.port(name, item, path)
            found.append(name)
        return found

    def restart(self, node: Node | None, path: str) -> tuple[str | None, float, int]:
        if node is None:
            return None, 1.0, 5
        if node.kind == "string":
            return self.check.choice(node, path, RESTART_POLICIES), 1.0, 5
        values = self.check.mapping(node, path, ("policy", "backoff", "max")) or {}
        policy, backoff, most = "on-failure", 1.0, 5
        if "policy" in values:
            policy = self.check.choice(values["policy"], f"{path}.policy", RESTART_POLICIES) or policy
        if "backoff" in values:
            backoff = self.check.duration(values["backoff"], f"{path}.backoff") or 0.0
        if "max" in values:
            most = self.check.integer(values["max"], f"{path}.max", 0, 1_000_000) or 0
        return policy, backoff, most

    def stop(self, node: Node | None, path: str) -> tuple[str | None, float | None]:
        if node is None:
            return None, None
        values = self.check.mapping(node, path, ("signal", "grace")) or {}
        name, grace = None, None
        if "signal" in values:
            text = self.check.text(values["signal"], f"{path}.signal") or ""
            name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
            if name not in signal.Signals.__members__:
                hint = did_you_mean(name, signal.Signals.__members__)
                self.check.error(values["signal"], f"{path}.signal", f"`{text}` is no signal", hint)
                name = None
        if "grace" in values:
            grace = self.check.duration(values["grace"], f"{path}.grace")
        return name, grace

    def env(self, node: Node | None, path: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in (self.check.mapping(node, path) or {}).items() if node else ():
            if not _NAME.match(name):
                self.check.error(value, f"{path}.{name}", f"`{name}` is no name of a variable")
            text = self.check.text(value, f"{path}.{name}")
            if text is None:
                continue
            for port in re.findall(r"\$\{ports\.([^}]*)\}", text):
                if port not in self.ports:
                    hint = did_you_mean(port, self.ports)
                    self.check.error(value, f"{path}.{name}", f"no port is called `{port}`", hint)
            found[name] = text
        return found

    def commands(self, node: Node | None) -> dict[str, Command]:
        if node is None:
            return {}
        keys = {key.text: key for key, _ in reversed(node.pairs)}
        found: dict[str, Command] = {}
        for name, value in (self.check.mapping(node, "commands") or {}).items():
            path = f"commands.{name}"
            if not _COMMAND.match(name):
                hint = "lower case letters, digits and -, a letter first"
                self.check.error(keys[name], path, f"`{name[:40]}` is no name of a command", hint)
            elif name in VERBS:
                self.check.error(
                    keys[name], path, f"devtools itself has a command `{name}`", "take another name"
                )
            text = self.check.string(value, path, filled=True)
            try:
                words = shlex.split(text or "")
            except ValueError as fault:
                self.check.error(value, path, f"is no command line: {fault}".lower())
                continue
            if words:
                found[name] = Command(name, tuple(words))
            elif text and text.strip():
                self.check.error(value, path, "names no program")
        return found

    def database(self, node: Node | None) -> Database | None:
        if node is None:
            return None
        keys = ("service", "port", "name", "owner", "user")
        values = self.check.mapping(node, "database", keys)
        if values is None:
            return None
        texts = {key: self.check.string(item, f"database.{key}") or "" for key, item in values.items()}
        if missing := [key for key in keys if key not in texts]:
            self.check.error(node, "database", f"has no {', '.join(missing)}")
            return None
        if texts["service"] not in self.automations.services:
            hint = did_you_mean(texts["service"], self.automations.services)
            self.check.error(values["service"], "database.service", "is no service of automations.yaml", hint)
        self.port(texts["port"], values["port"], "database.port")
        return Database(**texts)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
