"""Whether a tuple of commits holds together: contracts first, then an instance at exactly these commits.

Must not touch the home's checkouts; a verdict is of the tuple, never of a branch.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devtools.changes import contracts, impact, place, rollback, suites, verdicts, work
from devtools.changes.steps import Steps
from devtools.errors import DevtoolsError, WrongUse
from devtools.instances import filling, life, running, server
from devtools.instances.place import Instance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devtools.changes.place import Change
    from devtools.manifest.model import Database
    from devtools.repositories.checkouts import Checkout
    from devtools.workspace import Workspace

LOG_LIMIT = 200_000
_DEPENDS = re.compile(r"^Depends-On: (\S+)@([0-9a-f]{40,64})$", re.MULTILINE)


def verify(
    change: Change, say: Callable[[str], None], *, static_only: bool = False, keep_instance: bool = False
) -> tuple[dict[str, Any], str]:
    """The verdict of the change's commits as they are now, and the folder of its evidence.

    Raises WrongUse where work is not committed: what is verified must be what would be published.
    """
    with place.alone(change):
        if dirty := work.dirty(change):
            raise WrongUse(
                f"not committed: work in {', '.join(dirty)}", hint=f"change commit {change.name} -m …"
            )
        tuple_ = place.commits(change)
        everything = place.everything(change.home)
        steps = Steps(say)
        steps.run("depends-on", lambda: _unmet(change, everything, tuple_))
        found = [(item, tuple_[item.id]) for item in everything]
        steps.run("contracts", lambda: "\n".join(contracts.problems(found, _facts(change))))
        logs: dict[str, str] = {}
        if steps.passed and not static_only:
            logs = _in_an_instance(change, tuple_, steps, keep_instance=keep_instance)
        verdict = {
            "change": change.name,
            "change_id": change.record["change_id"],
            "tuple": tuple_,
            "key": place.key_of(tuple_),
            "passed": steps.passed,
            "scope": "static" if static_only else "full",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "steps": steps.done,
            "notices": steps.notices,
        }
        if static_only and verdicts.of(change, tuple_).get("scope") == "full":
            return verdict, str(verdicts.folder_of(change, tuple_))  # never in the place of a fuller one
        return verdict, str(verdicts.keep(change, verdict, _patch(change, tuple_), logs))


def _facts(change: Change) -> Path:
    """Where what was read of files stays, for every change of the home."""
    return change.folder.parent / ".facts.json"


def _unmet(change: Change, everything: list[Checkout], tuple_: dict[str, str]) -> str:
    """Depends-On trailers that these commits do not meet."""
    told: list[str] = []
    by_id = {item.id: item for item in everything}
    for checkout in place.parts(change):
        base = change.record["base"][checkout.id]
        texts = checkout.git("log", "--format=%B", f"{base}..{tuple_[checkout.id]}")
        for name, sha in _DEPENDS.findall(texts):
            if name not in by_id:
                told.append(f"{checkout.id} depends on {name}, which is no repository here")
            elif by_id[name].asked("merge-base", "--is-ancestor", sha, tuple_[name]) is None:
                told.append(
                    f"{checkout.id} depends on {name}@{sha[:12]}, which {tuple_[name][:12]} does not hold"
                )
    return "\n".join(told)


def _in_an_instance(
    change: Change, tuple_: dict[str, str], steps: Steps, *, keep_instance: bool
) -> dict[str, str]:
    """Install, migrate, start, validate and test a copy of the workspace at these commits; its logs by file.

    Then the old code on the new schema, where the change migrates. Whatever can still be judged is, so that
    one verdict names all that is wrong.
    """
    home = change.home
    name = f"verify-{place.key_of(tuple_)[:12]}"
    overlay = life.overlay_of(home)
    touched = impact.files(change, tuple_)
    movers = impact.migrating(overlay.repositories, touched)
    logs: dict[str, str] = {}
    made: list[Instance] = []
    cloning = life.Cloning(steps.say)

    def prove() -> None:
        # What fills the database is not run again, as in `instance create`; but a changed migration is.
        filled = [] if movers else cloning.filled
        for task in filled:
            steps.say(f"{task}: {filling.REASON}")
        rollback.prove(made[0], steps, filled=filled)
        if not keep_instance:
            with suppress(DevtoolsError):  # the removal asks again, and tells
                running.stop(made[0], at_once=True)  # while the tests go on: they have no part in what runs
                server.drop_database(made[0], overlay)

    try:
        if not _made(home, name, tuple_, movers, steps, made, cloning):
            return {}
        reached = impact.reached(made[0].tree, overlay.repositories, touched)
        logs = suites.run(made[0], reached, steps, prove)
        if movers and overlay.database and not server.is_shared(home, overlay):
            steps.notice(
                "the old code on the new schema, since DATABASE_URL or PGHOST names a server from outside, "
                f"where no clone is made: unset it, then change verify {change.name} again"
            )
        elif movers and overlay.database:
            from devtools.instances.database import template_of

            template = template_of(made[0])
            running.stop(made[0], at_once=True)  # two copies at work at once would slow each other down
            before = {**tuple_, **change.record["base"]}
            logs |= _old_code(home, f"{name}-old", before, template, steps)
    finally:
        if made:
            logs |= logs_of(made[0])
        if Instance(home, name).folder.exists() and not keep_instance:
            life.remove(home, name, force=True)
    return logs


def _made(
    home: Workspace,
    name: str,
    tuple_: dict[str, str],
    movers: list[str],
    steps: Steps,
    made: list[Instance],
    cloning: life.Cloning,
) -> bool:
    """Make the instance in two steps, install and migrate; False where one failed."""
    open_step = ["install"]
    began = time.monotonic()

    def fill(instance: Instance, spec: Database) -> str:
        nonlocal began
        steps.add(open_step.pop(), time.monotonic() - began, "")
        open_step.append("migrate")
        began = time.monotonic()
        return cloning(instance, spec)

    made.append(Instance(home, name))
    try:
        at = life.create(home, name, tuple_, say=steps.say, fill=fill).record["shas"]
        error = "" if at == tuple_ else f"instance {name} is not at these commits: {at}"
    except DevtoolsError as fault:
        of = f"the migrations of {', '.join(movers)}: " if movers and open_step == ["migrate"] else ""
        error = f"{of}{fault.message}"
    steps.add(open_step[0], time.monotonic() - began, error)
    return not error


def _old_code(
    home: Workspace, name: str, before: dict[str, str], template: str, steps: Steps
) -> dict[str, str]:
    made: Instance | None = None
    try:
        made = rollback.judge(home, name, before, template, steps)
        return {f"old-{file}": text for file, text in logs_of(made).items()} if made else {}
    finally:
        if Instance(home, name).folder.exists():
            life.remove(home, name, force=True)


def logs_of(instance: Instance) -> dict[str, str]:
    """The end of each of its logs, by name."""
    folder = instance.state_dir / "logs"
    return {
        file.stem: file.read_text(errors="replace")[-LOG_LIMIT:]
        for file in sorted(folder.glob("*.log"))
        if file.is_file()
    }


def _patch(change: Change, tuple_: dict[str, str]) -> str:
    base = change.record["base"]
    texts: list[str] = []
    for item in place.parts(change):
        prefix = "" if item.path == "." else f"{item.path}/"
        words = (
            f"--src-prefix=a/{prefix}",
            f"--dst-prefix=b/{prefix}",
            f"{base[item.id]}..{tuple_[item.id]}",
        )
        texts.append(item.git("diff", *words))
    return "\n".join(text for text in texts if text) + "\n"
