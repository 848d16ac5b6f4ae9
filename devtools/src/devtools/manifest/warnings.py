"""What is valid in automations.yaml and will hurt all the same: found by reading the commands.

It must only warn: no command is ever changed or refused here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devtools.manifest.model import Automations
    from devtools.manifest.shape import Checker
    from devtools.manifest.source import Node

_DETACHED = re.compile(
    r"(docker|podman|nerdctl)\s+(compose\s+(\S+\s+)*up|run)\s+(\S+\s+)*?(-d|--detach)\b|\bnohup\b|\bsetsid\b|\bpg_ctl\b.*\bstart\b"
)
_BACKGROUND = re.compile(r"(?<![&>])&\s*$")
_WAIT_LOOP = re.compile(r"\b(until|while)\b[\s\S]*?\bdo\b[\s\S]*?\bsleep\b|\bwait-for-it\b|\bwait-on\b")
_KILL = re.compile(
    r"\b(pkill|killall|fuser\s+(-\S+\s+)*-k|fuser\s+-\S*k|kill-port)\b|lsof\s+.*-t?i.*\|\s*xargs\s+kill|kill\s+.*\$\(\s*lsof"
)
_ABSOLUTE = re.compile(r"(?<![\w$}/.:~-])(/workspaces?/[\w.-]+|/home/[\w.-]+|/Users/[\w.-]+)")
_DESTRUCTIVE = re.compile(
    r"\brm\s+-\w*[rf]\w*\s+(-\S+\s+)*(/|~|\$HOME|\.\s*$|\*)|\bgit\s+(clean\s+-\w*f|reset\s+--hard)|\bdocker\s+system\s+prune|\bDROP\s+(DATABASE|SCHEMA)\b|\bmkfs\b|\bdd\s+.*of=/dev/"
)


def what_will_hurt(root: Node, automations: Automations, check: Checker) -> None:
    """Warn about detached starts, wait loops, kills by name, absolute paths and destructive commands."""
    for name in automations.services:
        definition = _definition(root, "services", name)
        commands = definition.get("commands") if definition else None
        for key in ("start", "ready", "stop"):
            node = commands.get(key) if commands else None
            if node is not None:
                _judge(node, f"services.{name}.commands.{key}", key == "start", check)
    for name in automations.tasks:
        definition = _definition(root, "tasks", name)
        node = definition.get("command") if definition else None
        if node is not None:
            _judge(node, f"tasks.{name}.command", False, check)


def _definition(root: Node, section: str, name: str) -> Node | None:
    nodes = root.get(section)
    return nodes.get(name) if nodes else None


def _judge(node: Node, path: str, is_start: bool, check: Checker) -> None:
    text = node.text
    lines = text.strip().splitlines() or [""]
    if is_start and (_DETACHED.search(text) or _BACKGROUND.search(lines[-1])):
        hint = "run it in the foreground: a start that returns counts as stopped"
        check.warn(node, path, "starts something detached", hint)
    if _WAIT_LOOP.search(text):
        check.warn(node, path, "waits in a loop of its own", "use a dependency or `devtools await SERVICE`")
    if _KILL.search(text):
        hint = "it may hit a stranger; `commands.stop` or the stop signal know the process"
        check.warn(node, path, "kills by name or port", hint)
    if match := _ABSOLUTE.search(text):
        hint = "commands start in the workspace's folder"
        check.warn(node, path, f"holds the absolute path {match[1]}", hint)
    if _DESTRUCTIVE.search(text):
        check.warn(node, path, "destroys data when it runs", "make sure that this is meant")
