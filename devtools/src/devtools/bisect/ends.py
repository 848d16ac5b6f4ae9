"""The two ends of a search: which tuple of commits a file, a change, a key or a ref means.

Must not move a branch, and must not judge the commits.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.bisect import kept
from devtools.changes import place
from devtools.errors import WrongUse
from devtools.repositories import checkouts, lockfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.workspace import Workspace

_KEY = re.compile(r"[0-9a-f]{6,16}")


def bad_end(home: Workspace, given: str) -> dict[str, str]:
    """The tuple of this name; that of the home's present commits where none is given."""
    return _whole(home, given, _named(home, given or "HEAD", is_good=False))


def good_end(home: Workspace, given: str, bad: Mapping[str, str]) -> dict[str, str]:
    """The tuple of this name; where none is given, the newest one that passed and that `bad` builds on."""
    if given:
        return _whole(home, given, _named(home, given, is_good=True))
    everything = place.everything(home)
    for verdict in kept.everything(home):
        tuple_: dict[str, str] = verdict["tuple"]
        passed = verdict.get("passed") and verdict.get("scope", "full") == "full"
        if passed and tuple_.keys() == bad.keys() and tuple_ != bad:
            asked = [("merge-base", "--is-ancestor", tuple_[item.id], bad[item.id]) for item in everything]
            if all(item.asked(*words) is not None for item, words in zip(everything, asked, strict=True)):
                return tuple_
    raise WrongUse(
        "nothing that was verified here lies behind these commits",
        hint="--good names a file of `repos freeze`, a verified change, its key, or a ref",
    )


def unsaved(home: Workspace) -> list[str]:
    """The repositories with work that is not committed, which no search can see."""
    found = checkouts.at_once(checkouts.state, place.everything(home))
    return [state.id for state in found if state.changed]


def _named(home: Workspace, given: str, *, is_good: bool) -> dict[str, str]:
    if Path(given).is_file():
        return lockfile.read(Path(given))
    verdicts = kept.everything(home)
    change = next((item for item in place.existing(home) if item.name == given), None)
    if change and is_good:
        own = [item for item in kept.verified(home) if item.get("change") == given]
        if not own:
            raise WrongUse(f"the change {given} was never verified", hint=f"change verify {given}")
        return own[0]["tuple"]
    if change:
        return place.commits(change)
    if _KEY.fullmatch(given):
        found = {item["key"]: item["tuple"] for item in verdicts if str(item.get("key")).startswith(given)}
        if len(found) > 1:
            raise WrongUse(f"{given} begins several keys", hint=f"one of {', '.join(found)}")
        if found:
            return next(iter(found.values()))
    shas = {
        item.id: item.asked("rev-parse", "--verify", "--quiet", f"{given}^{{commit}}")
        for item in place.everything(home)
    }
    if not any(shas.values()):
        raise WrongUse(
            f"{given} is no file, no change, no key of a verdict, and no ref in any repository",
            hint="repos freeze writes such a file; change list shows the changes",
        )
    return {name: sha for name, sha in shas.items() if sha}


def _whole(home: Workspace, given: str, found: Mapping[str, str]) -> dict[str, str]:
    """The tuple in the order of ids, of exactly the repositories that are here."""
    names = sorted(item.id for item in place.everything(home))
    if missing := [name for name in names if name not in found]:
        raise WrongUse(
            f"{given or 'HEAD'} has no commit of {', '.join(missing)}",
            hint="name a tuple of all repositories here, as `repos freeze` writes it",
        )
    return {name: found[name] for name in names}
