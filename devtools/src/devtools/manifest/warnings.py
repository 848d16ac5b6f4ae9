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

# Every repetition is bounded: a file of the largest size must be judged in a blink, whatever it holds.
_WORDS = r"(\S{1,200}\s{1,20}){0,20}?"
_DETACHED = re.compile(
    rf"\b((docker|podman|nerdctl)\s+(compose\s+{_WORDS}up|run)|(docker|podman)-compose\s+{_WORDS}up)\s+"
    rf"{_WORDS}(-d|--detach)\b|\bnohup\b|\bsetsid\b|\bpg_ctl\b.{{0,300}}\bstart\b"
)
_BACKGROUND = re.compile(r"(?<![&>])&\s*$")
_WAIT_LOOP = re.compile(
    r"\b(until|while|for)\b[^\n]{0,300}(;|\n)\s{0,40}do\b((?!\bdone\b)[\s\S]){0,2000}?\bsleep\b"
    r"|\bwait-for-it\b|\bwait-on\b"
)
# A loop without an end and without a way out waits for nothing: it is what the service does.
_ENDLESS = re.compile(r"\bwhile\s{1,9}(:|true)\s{0,9}(?=[;\n])")
_KILL = re.compile(
    r"\b(pkill|killall|fuser\s+(-\S+\s+){0,9}-k|fuser\s+-\S{0,9}k|kill-port)\b"
    r"|lsof\s+.{0,200}-t?i.{0,200}\|\s*xargs\s+kill|kill\s+.{0,200}(\$\(|`)\s*(sudo\s+)?lsof"
)
_ABSOLUTE = re.compile(r"(?<![\w$}/.:~-])(/workspaces?/[\w.-]+|/home/[\w.-]+|/Users/[\w.-]+)")
_DESTRUCTIVE = re.compile(
    r"\brm\s+-\w{0,9}[rf]\w{0,9}\s+(-\S+\s+){0,9}(/|~|\$HOME|\.\s*$|\*)|\bgit\s+(clean\s+-\w*f|reset\s+--hard)|\bdocker\s+system\s+prune|\bDROP\s+(DATABASE|SCHEMA)\b|\bmkfs\b|\bdd\s+.{0,200}of=/dev/"
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


def destroys(text: str) -> bool:
    """True where the command destroys data when it runs."""
    return _DESTRUCTIVE.search(text) is not None


def _definition(root: Node, section: str, name: str) -> Node | None:
    nodes = root.get(section)
    return nodes.get(name) if nodes else None


def _judge(node: Node, path: str, is_start: bool, check: Checker) -> None:
    text = node.text
    lines = text.strip().splitlines() or [""]
    if is_start and (_DETACHED.search(text) or _BACKGROUND.search(lines[-1])):
        hint = "run it in the foreground: a start that returns counts as stopped"
        check.warn(node, path, "starts something detached", hint)
    if _WAIT_LOOP.search(text if "break" in text else _ENDLESS.sub("", text)):
        check.warn(node, path, "waits in a loop of its own", "use a dependency or `devtools await SERVICE`")
    if _KILL.search(text):
        hint = "it may hit a stranger; `commands.stop` or the stop signal know the process"
        check.warn(node, path, "kills by name or port", hint)
    if match := _ABSOLUTE.search(text):
        hint = "commands start in the workspace's folder"
        check.warn(node, path, f"holds the absolute path {match[1]}", hint)
    if destroys(text):
        check.warn(node, path, "destroys data when it runs", "make sure that this is meant")
