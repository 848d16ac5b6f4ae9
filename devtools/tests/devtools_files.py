"""Automations files for tests; it must not start anything."""

from __future__ import annotations

SERVICE = (
    "services:\n  a:\n    name: A\n    triggeredBy: [postEnvironmentStart]\n    commands:\n      start: |\n"
)


def service(start: str, ready: str | None = None) -> str:
    """An automations file with the one service `a`."""
    indented = "".join(f"        {line}\n" for line in start.splitlines())
    return SERVICE + indented + (f"      ready: {ready}\n" if ready else "")
