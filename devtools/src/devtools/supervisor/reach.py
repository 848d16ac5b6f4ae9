"""What a save reaches: the repositories that build on the saved one, and the services and tasks of all these.

It must not look at files or at what runs: it only reads the plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devtools.plan import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devtools.plan import Plan


class Reach(NamedTuple):
    """What is to be restarted and what is to run again, each with the file that is to blame."""

    services: dict[str, str]
    tasks: dict[str, str]


def part_of(plan: Plan, path: str) -> str | None:
    """The repository in which a path below the workspace lies: the innermost one."""
    around = [name for name, part in plan.parts.items() if below(path, part.path) is not None]
    return max(around, key=lambda name: len(plan.parts[name].path), default=None)


def below(path: str, folder: str) -> str | None:
    """A path as seen from `folder`; None where it is not in it."""
    if folder in ("", "."):
        return path
    return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else None


def builders(plan: Plan, name: str) -> list[str]:
    """The repository and all that build on it, directly or not."""
    found = [name]
    for at_hand in found:
        found += [other for other, part in plan.parts.items() if at_hand in part.needs and other not in found]
    return found


def of(plan: Plan, paths: Iterable[str]) -> Reach:
    """What the change of these files reaches, in the order of the plan."""
    blamed: dict[str, str] = {}
    migrated: dict[str, str] = {}
    for path in paths:
        name = part_of(plan, path)
        if name is None:
            continue
        for reached in builders(plan, name):
            blamed.setdefault(reached, path)
        if MIGRATIONS in path.split("/")[:-1]:
            migrated.setdefault(name, path)
    services: dict[str, str] = {}
    tasks: dict[str, str] = {}
    for node in plan.definitions.values():
        found, into = (migrated, tasks) if node.is_task else (blamed, services)
        path = next((found[name] for name in node.repositories if name in found), None)
        if path is not None:
            into[node.id] = path
    return Reach(_with_followers(plan, services), tasks)


def _with_followers(plan: Plan, services: dict[str, str]) -> dict[str, str]:
    found = dict(services)
    grown = True
    while grown:
        grown = False
        for node in plan.definitions.values():
            path = next((found[name] for name in node.restart_with if name in found), None)
            if path is not None and node.id not in found:
                found[node.id], grown = path, True
    return found


def told(plan: Plan) -> dict[str, str]:
    """Repository → what a save in it restarts, in words; without those that reach nothing."""
    found: dict[str, str] = {}
    for name, part in plan.parts.items():
        folder = part.path if part.path not in ("", ".") else ""
        reach = of(plan, ["/".join(filter(None, (folder, MIGRATIONS, "file")))])
        words = [", ".join(reach.services)] if reach.services else []
        words += [f"{task} where a migration changes" for task in reach.tasks]
        if words:
            found[name] = "; ".join(words)
    return found
