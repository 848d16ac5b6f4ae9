"""Reads automations.yaml by the rules of the Ona / Gitpod format, all errors at once.

It must accept nothing that the platform would refuse, and know nothing of the overlay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from devtools.manifest.model import ROLES, TRIGGERS, Automations, RunsOn, Service, Task
from devtools.manifest.shape import PROTO_DURATION, Checker, did_you_mean

if TYPE_CHECKING:
    from devtools.manifest.source import Node

SERVICE_KEYS = (
    "name",
    "description",
    "commands",
    "triggeredBy",
    "runsOn",
    "role",
    "readinessTimeout",
)
TASK_KEYS = (
    "name",
    "description",
    "command",
    "triggeredBy",
    "dependsOn",
    "runsOn",
    "prebuildRequiresSuccess",
)
SERVICE_TRIGGERS = tuple(name for name in TRIGGERS if name != "beforeSnapshot")
_ENVIRONMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*(=|$)")
_MISPLACED = {
    ("service", "dependsOn"): "services have no dependsOn in this format; workspace.yaml has",
    ("service", "command"): "a service has `commands: {start: …}`",
    ("service", "env"): "the format has no env; workspace.yaml has",
    ("task", "env"): "the format has no env; workspace.yaml has",
    ("task", "commands"): "a task has `command: …`",
}


def read_automations(root: Node, check: Checker) -> Automations:
    """The file's services and tasks; what is wrong with them is in `check`."""
    top = check.mapping(root, "", ("services", "tasks")) or {}
    services = {
        name: service
        for name, (key, node) in check.identifiers(_filled(top, "services", check), "services").items()
        if (service := _service(name, key, node, check))
    }
    task_nodes = check.identifiers(_filled(top, "tasks", check), "tasks")
    tasks = {
        name: task for name, (key, node) in task_nodes.items() if (task := _task(name, key, node, check))
    }
    for name, (key, _) in task_nodes.items():
        if name in services:
            check.error(key, f"tasks.{name}", f"`{name}` is already the id of a service")
    known = set(services) | set(tasks) | set(task_nodes) | set(check_names(top.get("services")))
    for name, (_, node) in task_nodes.items():
        _dependencies(name, node, known, check)
    return Automations(services, tasks)


def check_names(node: Node | None) -> list[str]:
    """The ids written in a section, whatever their definitions are worth."""
    return [key.text for key, _ in node.pairs] if node else []


def _filled(top: dict[str, Node], name: str, check: Checker) -> Node | None:
    node = top.get(name)
    if node is not None and node.kind == "null":
        check.warn(node, name, "is empty")
        return None
    return node


def _keys(kind: str, node: Node, path: str, known: tuple[str, ...], check: Checker) -> dict[str, Node] | None:
    """The definition's values; a key that belongs elsewhere gets a better hint than the nearest word."""
    before = len(check.errors)
    values = check.mapping(node, path, known)
    for index in range(before, len(check.errors)):
        problem = check.errors[index]
        hint = _MISPLACED.get((kind, problem.path.rpartition(".")[2]))
        if hint and problem.message.startswith("unknown key"):
            check.errors[index] = type(problem)(
                problem.file, problem.line, problem.column, problem.path, problem.message, hint
            )
    return values


def _service(name: str, key: Node, node: Node, check: Checker) -> Service | None:
    path = f"services.{name}"
    values = _keys("service", node, path, SERVICE_KEYS, check)
    if values is None:
        return None
    commands = _commands(values.get("commands"), key, path, check)
    timeout = None
    if "readinessTimeout" in values:
        text = check.string(values["readinessTimeout"], f"{path}.readinessTimeout")
        if text is not None and not PROTO_DURATION.match(text):
            where = values["readinessTimeout"]
            check.error(where, f"{path}.readinessTimeout", f"`{text}` is no duration", "seconds, like 600s")
        elif text is not None:
            timeout = float(text[:-1])
    role = "default"
    if "role" in values:
        role = check.choice(values["role"], f"{path}.role", ROLES) or role
    triggers = _triggers(values.get("triggeredBy"), path, SERVICE_TRIGGERS, check)
    shown, description = _texts(name, key, values, path, check)
    runs_on = _runs_on(values.get("runsOn"), path, check)
    if commands is None or "start" not in commands:
        return None
    return Service(
        id=name,
        name=shown,
        start=commands["start"],
        description=description,
        ready=commands.get("ready"),
        stop=commands.get("stop"),
        triggered_by=triggers,
        runs_on=runs_on,
        role=role,
        readiness_timeout_s=timeout,
    )


def _commands(node: Node | None, key: Node, path: str, check: Checker) -> dict[str, str] | None:
    if node is None:
        check.error(key, path, "has no commands.start", "add `commands: {start: …}`")
        return None
    values = check.mapping(node, f"{path}.commands", ("start", "ready", "stop"))
    if values is None:
        return None
    if "start" not in values:
        check.error(node, f"{path}.commands", "has no start", "add `start: …`")
    found: dict[str, str] = {}
    for name, value in values.items():
        text = check.string(value, f"{path}.commands.{name}", filled=name == "start")
        if text is not None and text.strip():
            found[name] = text
    return found


def _task(name: str, key: Node, node: Node, check: Checker) -> Task | None:
    path = f"tasks.{name}"
    values = _keys("task", node, path, TASK_KEYS, check)
    if values is None:
        return None
    command = None
    if "command" in values:
        command = check.string(values["command"], f"{path}.command", filled=True)
    else:
        check.error(key, path, "has no command", "add `command: …`")
    required = False
    if "prebuildRequiresSuccess" in values:
        where = f"{path}.prebuildRequiresSuccess"
        required = check.boolean(values["prebuildRequiresSuccess"], where) or False
    shown, description = _texts(name, key, values, path, check)
    depends = values.get("dependsOn")
    task = Task(
        id=name,
        name=shown,
        command=command or "",
        description=description,
        triggered_by=_triggers(values.get("triggeredBy"), path, TRIGGERS, check),
        depends_on=tuple(item.text for item in depends.items) if depends else (),
        runs_on=_runs_on(values.get("runsOn"), path, check),
        prebuild_requires_success=required,
    )
    return task if command else None


def _texts(name: str, key: Node, values: dict[str, Node], path: str, check: Checker) -> tuple[str, str]:
    if "name" not in values:
        check.warn(key, path, "has no name", f"add `name: {name}`")
    shown = check.string(values["name"], f"{path}.name") if "name" in values else None
    description = (
        check.string(values["description"], f"{path}.description") if "description" in values else None
    )
    return shown or name, description or ""


def _triggers(node: Node | None, path: str, allowed: tuple[str, ...], check: Checker) -> tuple[str, ...]:
    if node is None:
        return ()
    found: list[str] = []
    for index, (value, item) in enumerate(check.strings(node, f"{path}.triggeredBy")):
        where = f"{path}.triggeredBy[{index}]"
        if value in found:
            check.warn(item, where, f"`{value}` is listed twice")
        elif value in TRIGGERS and value not in allowed:
            check.error(item, where, f"`{value}` triggers tasks only")
        elif check.choice(item, where, allowed):
            found.append(value)
            if value == "prebuild" and path.startswith("services."):
                check.warn(item, where, "newer versions of the platform run only tasks in prebuilds")
    return tuple(found)


def _runs_on(node: Node | None, path: str, check: Checker) -> RunsOn | None:
    if node is None:
        return None
    where = f"{path}.runsOn"
    values = check.mapping(node, where, ("docker", "machine"))
    if values is None:
        return None
    if len(values) != 1:
        check.error(node, where, "names exactly one of docker and machine")
        return None
    if "machine" in values:
        if values["machine"].kind != "null":
            check.mapping(values["machine"], f"{where}.machine", ())
        return RunsOn("machine")
    docker = check.mapping(values["docker"], f"{where}.docker", ("image", "environment"))
    if docker is None:
        return None
    if "image" not in docker:
        check.error(values["docker"], f"{where}.docker", "has no image", "add `image: …`")
        return None
    image = check.string(docker["image"], f"{where}.docker.image", filled=True)
    environment: list[str] = []
    if "environment" in docker:
        for value, item in check.strings(docker["environment"], f"{where}.docker.environment"):
            environment.append(value)
            if not _ENVIRONMENT.match(value):
                check.error(item, f"{where}.docker.environment", f"`{value}` is no variable", "NAME=value")
    return RunsOn("docker", image or "", tuple(environment))


def _dependencies(name: str, node: Node, known: set[str], check: Checker) -> None:
    depends = node.get("dependsOn") if node.kind == "mapping" else None
    if depends is None:
        return
    path = f"tasks.{name}.dependsOn"
    seen: set[str] = set()
    for index, (value, item) in enumerate(check.strings(depends, path)):
        where = f"{path}[{index}]"
        if value == name:
            check.error(item, where, "a task cannot depend on itself")
        elif value not in known:
            hint = did_you_mean(value, known) or f"known: {', '.join(sorted(known))}"
            check.error(item, where, f"no task or service is called `{value}`", hint)
        elif value in seen:
            check.warn(item, where, f"`{value}` is listed twice")
        seen.add(value)
