"""The checkouts of a workspace as one fleet: which there are, what each is at, in which order they build.

Must not change a checkout.
"""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from devtools.errors import DevtoolsError, WrongUse
from devtools.repositories import fetch, packages
from devtools.repositories.fetch import FetchError

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devtools.manifest.model import Repository

ROOT = "."
UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}
DEADLINE_S = 300.0


@dataclass(frozen=True)
class Checkout:
    """A git checkout of the workspace; `folder` is absolute. The root's id is "."."""

    id: str
    folder: Path
    path: str
    url: str | None = None
    ref: str | None = None
    group: str | None = None
    builds_on: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """True where it has a repository of its own."""
        return (self.folder / ".git").exists()

    def git(self, *arguments: str, secrets: Mapping[str, str] | None = None) -> str:
        """What git printed there; DevtoolsError with git's own words, credentials blotted out."""
        try:
            return fetch.git(["git", "-C", str(self.folder), *arguments], secrets or {}, DEADLINE_S).rstrip(
                "\n"
            )
        except FetchError as fault:
            raise DevtoolsError(f"{self.id}: git {arguments[0]}: {fault}") from None

    def asked(self, *arguments: str) -> str | None:
        """What git printed there, or None where it failed."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**{k: v for k, v in os.environ.items() if k not in fetch.OF_A_HOOK}, "LC_ALL": "C"},
            timeout=DEADLINE_S,
        )
        return done.stdout.rstrip("\n") if done.returncode == 0 else None


@dataclass(frozen=True)
class State:
    """What one checkout is at. `changed` counts files, new ones too; ahead and behind are of its upstream."""

    id: str
    path: str
    here: bool
    branch: str | None = None
    head: str | None = None
    upstream: str | None = None
    ahead: int = 0
    behind: int = 0
    changed: int = 0
    stashes: int = 0
    under_way: str | None = None
    pin: str | None = None
    off_pin: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As `status --json` tells it."""
        return asdict(self)


def at(root: Path, item: Repository) -> Checkout:
    """The place of a repository of workspace.yaml below `root`, there or not."""
    place = root / item.path
    return Checkout(item.id, place, item.path, item.url, item.ref, item.group, item.builds_on)


def of(
    root: Path,
    repositories: Mapping[str, Repository],
    only: Sequence[str] = (),
    group: str = "",
) -> list[Checkout]:
    """The root's own checkout and every part that is one, or may become one; `only` and `group` choose."""
    known = [at(root, item) for item in repositories.values()]
    groups = sorted({item.group for item in known if item.group})
    if group and group not in groups:
        raise WrongUse(
            f"no repository is in the group {group}", hint=f"groups: {', '.join(groups) or 'none'}"
        )
    everything = [Checkout(ROOT, root, ROOT), *known]
    names = [item.id for item in everything]
    for name in only:
        if name not in names:
            raise WrongUse(f"no repository is called {name}", hint=f"known: {', '.join(names)}")
    # In a single checkout the parts are folders of the root's repository, not missing ones.
    is_single = not any(item.is_here for item in known) and all(item.folder.is_dir() for item in known)
    found = [item for item in everything if item.is_here or (item.url and not is_single)]
    if only:
        found = [item for item in found if item.id in only]
    if group:
        found = [item for item in found if item.group == group]
    if not found and is_single and (only or group):
        raise WrongUse(
            "this is a single checkout: its parts are no repositories of their own",
            hint="choose nothing to mean the whole checkout; `repos split` makes repositories of the parts",
        )
    return found


def here(found: Sequence[Checkout]) -> list[Checkout]:
    """Those that are cloned; WrongUse where none is."""
    cloned = [item for item in found if item.is_here]
    if not cloned:
        raise WrongUse("none of the chosen repositories is here", hint="devtools repos clone")
    return cloned


def at_once(do: Callable[[Checkout], T], found: Sequence[Checkout]) -> list[T]:
    """`do` for every checkout side by side; results in their order."""
    with ThreadPoolExecutor(fetch.PARALLEL) as pool:
        return list(pool.map(do, found))


def state(checkout: Checkout, pins: Mapping[str, str] | None = None) -> State:
    """What the checkout is at; `pins` are exact commits that stand in for its `ref`."""
    pin = (pins or {}).get(checkout.id) or checkout.ref
    if not checkout.is_here:
        return State(checkout.id, checkout.path, False, pin=pin)
    told = checkout.git("status", "--porcelain=v2", "--branch", "--untracked-files=normal")
    head = dict(re.findall(r"^# branch\.(\w+) (.*)$", told, re.MULTILINE))
    ahead, behind = (abs(int(number)) for number in head.get("ab", "+0 -0").split())
    folder = Path(checkout.git("rev-parse", "--path-format=absolute", "--git-dir"))
    under_way = next((word for name, word in UNDER_WAY.items() if (folder / name).exists()), None)
    off = None
    if pin:
        target = next(
            (name for name in (f"refs/remotes/origin/{pin}", pin)
             if checkout.asked("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")),
            None,
        )  # fmt: skip
        count = checkout.asked("rev-list", "--count", f"{target}...HEAD") if target else None
        off = int(count) if count else None
    return State(
        checkout.id,
        checkout.path,
        True,
        branch=None if head.get("head") == "(detached)" else head.get("head"),
        head=None if head.get("oid") == "(initial)" else head.get("oid"),
        upstream=head.get("upstream"),
        ahead=ahead,
        behind=behind,
        changed=sum(not line.startswith("#") for line in told.splitlines()),
        stashes=len((checkout.asked("stash", "list") or "").splitlines()),
        under_way=under_way,
        pin=pin,
        off_pin=off,
    )


def remote(checkout: Checkout) -> str:
    """The name of the remote to speak to: origin, else the only one, else the branch's own."""
    names = (checkout.asked("remote") or "").split()
    if not names:
        raise DevtoolsError(
            f"{checkout.id}: has no remote", hint=f"git -C {checkout.folder} remote add origin URL"
        )
    branch = checkout.asked("symbolic-ref", "--short", "HEAD")
    own = checkout.asked("config", f"branch.{branch}.remote") if branch else None
    if own in names:
        return str(own)
    if "origin" in names:
        return "origin"
    if len(names) == 1:
        return names[0]
    raise DevtoolsError(
        f"{checkout.id}: none of its remotes {', '.join(names)} is origin or the branch's own",
        hint=f"git -C {checkout.folder} remote rename {names[0]} origin",
    )


def secrets_of(root: Path, checkout: Checkout, environment: Mapping[str, str]) -> dict[str, str]:
    """What git needs to be let in, where workspace.yaml's url with a credential is that remote."""
    if not checkout.url:
        return {}
    try:
        clean, secrets = fetch.without_credentials(fetch.address(root, checkout.url, environment))
    except FetchError:
        return {}  # an unset variable: whatever the remote itself says is used
    urls = (checkout.asked("config", "--get-regexp", r"^remote\..*\.url$") or "").splitlines()
    return secrets if any(line.split(" ", 1)[1] == clean for line in urls) else {}


def build_order(found: Sequence[Checkout]) -> list[Checkout]:
    """Those that others build on first, as their packages' files tell; else in their given order."""
    by_id = {item.id: item for item in found}
    needs = _needs(found)
    if ROOT in needs:
        needs[ROOT] = [name for name in by_id if name != ROOT]  # the orchestrator names all others
    try:
        return [by_id[name] for name in TopologicalSorter(needs).static_order()]
    except CycleError as fault:
        raise DevtoolsError(f"these repositories need each other in a circle: {fault.args[1]}") from None


def dependencies(found: Sequence[Checkout]) -> dict[str, list[str]]:
    """By id: the ids of the chosen repositories that each one builds on."""
    return {name: sorted(others) for name, others in _needs(found).items()}


def _needs(found: Sequence[Checkout]) -> dict[str, list[str]]:
    named = {item.id: item.builds_on for item in found}
    return packages.needs({item.id: item.folder for item in found}, named)
