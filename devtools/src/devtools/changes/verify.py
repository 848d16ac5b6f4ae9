"""Whether a tuple of commits holds together: contracts first, then an instance at exactly these commits.

Must not touch the home's checkouts; a verdict is of the tuple, never of a branch.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devtools.changes import contracts, place, verdicts, work
from devtools.errors import DevtoolsError, WrongUse
from devtools.instances import life, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtools.changes.place import Change
    from devtools.instances.place import Instance
    from devtools.repositories.checkouts import Checkout

LOG_LIMIT = 200_000
_DEPENDS = re.compile(r"^Depends-On: (\S+)@([0-9a-f]{40,64})$", re.MULTILINE)


class _Steps:
    """Named steps with their time; the first that fails ends the run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.done: list[dict[str, Any]] = []
        self.say = say

    @property
    def passed(self) -> bool:
        return all(step["passed"] for step in self.done)

    def run(self, name: str, judge: Callable[[], str]) -> bool:
        """Run one step; `judge` returns what is wrong. True where nothing is."""
        began = time.monotonic()
        try:
            error = judge()
        except DevtoolsError as fault:
            error = fault.message
        self.add(name, time.monotonic() - began, error)
        return not error

    def add(self, name: str, seconds: float, error: str) -> None:
        self.done.append(
            {"name": name, "passed": not error, "seconds": round(seconds, 3), "error": error or None}
        )
        self.say(f"{'✗' if error else '✓'} {name}  {seconds:.1f} s" + (f"\n{error}" if error else ""))


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
        steps = _Steps(say)
        steps.run("depends-on", lambda: _unmet(change, everything, tuple_))
        found = [(item, tuple_[item.id]) for item in everything]
        steps.run("contracts", lambda: "\n".join(contracts.problems(found)))
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
        }
        if static_only and verdicts.of(change, tuple_).get("scope") == "full":
            return verdict, str(verdicts.folder_of(change, tuple_))  # never in the place of a fuller one
        return verdict, str(verdicts.keep(change, verdict, _patch(change, tuple_), logs))


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
    change: Change, tuple_: dict[str, str], steps: _Steps, *, keep_instance: bool
) -> dict[str, str]:
    """Install, migrate, start and validate a copy of the workspace at these commits; its logs by file."""
    name = f"verify-{place.key_of(tuple_)[:12]}"
    made: list[Instance] = []

    def install() -> str:
        made.append(life.create(change.home, name, tuple_, say=steps.say))
        at = made[0].record["shas"]
        return "" if at == tuple_ else f"instance {name} is not at these commits: {at}"

    def start() -> str:
        running.up(made[0])
        return ""

    try:
        if steps.run("install", install) and steps.run("start", start):
            _validate(made[0], steps)
    finally:
        logs = _logs(made[0]) if made else {}
        if made and not keep_instance:
            life.remove(change.home, name, force=True)
    return logs


def _validate(instance: Instance, steps: _Steps) -> None:
    began = time.monotonic()
    try:
        verdict = running.validate(instance)
    except DevtoolsError as fault:
        steps.add("validate", time.monotonic() - began, fault.message)
        return
    found: list[dict[str, Any]] = verdict["steps"] if verdict else []
    for step in found:
        error = "" if step["passed"] else str(step.get("error") or "failed")
        steps.add(f"validate: {step['name']}", step.get("seconds") or 0.0, error)
    if verdict and not verdict["passed"] and steps.passed:
        steps.add("validate", time.monotonic() - began, "the validation did not pass")


def _logs(instance: Instance) -> dict[str, str]:
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
