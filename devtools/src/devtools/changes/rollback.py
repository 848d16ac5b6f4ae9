"""The code from before a change on the database that the change has migrated, as in every deployment.

Must not run the old code's own migrations: they know nothing of what comes after them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools.errors import DevtoolsError
from devtools.instances import life, running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.changes.steps import Steps
    from devtools.instances.place import Instance
    from devtools.manifest.model import Database
    from devtools.workspace import Workspace

WHO = "old code, new schema"


def judge(
    home: Workspace, name: str, commits: dict[str, str], template: str, steps: Steps
) -> Instance | None:
    """Start and validate an instance at the old commits over a clone of the migrated template."""
    made: list[Instance] = []

    def fill(instance: Instance, spec: Database) -> str:
        from devtools.instances import database

        return database.copy(instance, spec, template)

    def install() -> str:
        made.append(life.create(home, name, commits, fill=fill))
        _leave_out_fillers(made[0])
        return ""

    if steps.run(f"{WHO}: install", install):
        prove(made[0], steps, f"{WHO}: ")
    return made[0] if made else None


def prove(instance: Instance, steps: Steps, prefix: str = "", filled: Sequence[str] = ()) -> None:
    """The step `start`, and one for each of the validation; none of these where there is no such task.

    filled: see `filling`.
    """
    began = time.monotonic()
    try:
        _, verdict = running.proven(instance, filled=filled)
    except DevtoolsError as fault:
        steps.add(f"{prefix}start", time.monotonic() - began, fault.message)
        return
    found: list[dict[str, Any]] = verdict["steps"] if verdict else []
    asked = sum(step.get("seconds") or 0.0 for step in found)
    steps.add(f"{prefix}start", max(0.0, time.monotonic() - began - asked), "")
    for step in found:
        error = "" if step["passed"] else str(step.get("error") or "failed")
        steps.add(f"{prefix}validate: {step['name']}", step.get("seconds") or 0.0, error)
    if verdict and not verdict["passed"] and all(step["passed"] for step in found):
        steps.add(f"{prefix}validate", time.monotonic() - began, "the validation did not pass")


def _leave_out_fillers(instance: Instance) -> None:
    """Here the tasks that fill a database do nothing: it is filled already, further than they know."""
    file = instance.workspace().file
    assert file is not None
    from ruamel.yaml import YAML  # few verifications come here

    yaml = YAML()
    content: dict[str, Any] = yaml.load(file.read_text())  # pyright: ignore[reportUnknownMemberType]
    for name in life.fillers(instance.home):
        content["tasks"][name]["command"] = "true"
    with file.open("w") as stream:
        yaml.dump(content, stream)  # pyright: ignore[reportUnknownMemberType]
