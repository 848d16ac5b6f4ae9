"""Working on a change: its worktrees, what they are at, commits that name each other.

Must not touch the home's own checkouts, nor anything that is not committed.
"""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING, Any

from devtools.changes import dead_locks, place, verdicts
from devtools.errors import DevtoolsError, WrongUse
from devtools.instances import trees
from devtools.manifest import load
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.changes.place import Change
    from devtools.repositories.checkouts import Checkout
    from devtools.workspace import Workspace


def start(home: Workspace, name: str, only: Sequence[str] = (), group: str = "") -> Change:
    """Begin the change in the chosen repositories, add some, or end what a killed call began."""
    change = place.named(home, name)
    chosen = checkouts.here(checkouts.of(home.root, load.of(home)[1].repositories, only, group))
    with place.alone(change):
        record = change.record or {"change_id": f"I{uuid.uuid4().hex}{uuid.uuid4().hex[:8]}", "base": {}}
        for checkout in chosen if only or group or not record["base"] else []:
            if checkout.asked("rev-parse", "--verify", "--quiet", "HEAD") is None:
                raise WrongUse(f"{checkout.id} has no commit yet", hint="commit first")
            _begin(change, checkout, record)
        change.remember(record)
        for checkout in sorted(
            place.parts(change), key=lambda item: item.path.count("/") + (item.path != ".")
        ):
            _worktree(change, checkout, record["base"][checkout.id])
    return change


def _begin(change: Change, checkout: Checkout, record: dict[str, Any]) -> None:
    """Note where the change begins here: at HEAD, or where the one that somebody published did."""
    theirs = place.fetched(change, checkout)
    base = checkout.git("merge-base", "HEAD", theirs) if theirs else checkout.git("rev-parse", "HEAD")
    if checkout.id not in record["base"] and theirs:
        form = "--format=%(trailers:key=Change-Id,valueonly)"
        ids = checkout.git("log", form, f"{base}..{theirs}").split()
        record["change_id"] = ids[0] if ids else record["change_id"]
    record["base"].setdefault(checkout.id, base)


def _worktree(change: Change, checkout: Checkout, base: str) -> None:
    target = change.tree / checkout.path
    if str(target) in trees.listed(checkout.folder):
        if not trees.is_half_made(checkout.folder, target) and (target / ".git").exists():
            _bring_submodules(change, checkout)
            return
        if target.exists() and any(target.iterdir()) and not trees.is_half_made(checkout.folder, target):
            raise DevtoolsError(
                f"{target} has lost its .git", hint=f"git -C {checkout.folder} worktree repair {target}"
            )
        shutil.rmtree(target, ignore_errors=True)  # git's own note says that nobody has worked there yet
        checkout.git("worktree", "remove", "--force", "--force", str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    dead_locks.clear_branch(checkout, change.branch)
    has_branch = checkout.asked("rev-parse", "--verify", "--quiet", f"refs/heads/{change.branch}")
    if has_branch is None:
        checkout.git("branch", "--no-track", change.branch, place.fetched(change, checkout) or base)
    checkout.git("worktree", "add", "--quiet", str(target), change.branch)
    _bring_submodules(change, checkout)


def _bring_submodules(change: Change, checkout: Checkout) -> None:
    """A new worktree has empty folders in their places; those that are there stay as they are."""
    worktree = change.worktree(checkout)
    if (worktree.folder / ".gitmodules").exists():
        lines = worktree.git("submodule", "status").splitlines()
        missing = [line[1:].split(" ", 1)[1] for line in lines if line.startswith("-")]
        if missing:
            worktree.git("submodule", "--quiet", "update", "--init", "--recursive", "--", *missing)


def status(change: Change) -> dict[str, Any]:
    """Every repository's commits and work of the change, the tuple, and whether it was verified."""
    rows: list[dict[str, Any]] = []
    for checkout in place.parts(change):
        base, tip = change.record["base"][checkout.id], place.tip(change, checkout)
        worktree = change.worktree(checkout)
        changed = checkouts.state(worktree).changed if worktree.is_here else 0
        count = checkout.asked("rev-list", "--count", f"{base}..{tip}")
        rows.append(
            {
                "id": checkout.id,
                "tree": str(worktree.folder) if worktree.is_here else None,
                "commit": tip,
                "commits": int(count or 0),
                "changed": changed,
            }
        )
    tuple_ = place.commits(change)
    verdict = verdicts.of(change, tuple_)
    return {
        "name": change.name,
        "change_id": change.record["change_id"],
        "branch": change.branch,
        "repositories": rows,
        "tuple": tuple_,
        "key": place.key_of(tuple_),
        "verified": bool(verdict.get("passed")) and verdict.get("scope") == "full",
    }


def commit(change: Change, message: str) -> list[dict[str, Any]]:
    """Commit all there is in every repository of the change, those that others build on first.

    Every commit carries the change's Change-Id, and a Depends-On for each commit of the change it builds on.
    """
    done: list[dict[str, Any]] = []
    with place.alone(change):
        parts = place.parts(change)
        needs = checkouts.dependencies([change.worktree(item) for item in parts])
        for checkout in parts:
            worktree = change.worktree(checkout)
            if not worktree.is_here:
                raise DevtoolsError(f"{worktree.folder} is gone", hint=f"change start {change.name}")
            state = checkouts.state(worktree)
            if state.branch != change.branch or state.under_way:
                why = (
                    f"a {state.under_way} is under way"
                    if state.under_way
                    else f"is on {state.branch or 'no branch'}"
                )
                raise DevtoolsError(
                    f"{checkout.id}: {worktree.folder} {why}", hint=f"git switch {change.branch} there"
                )
            if not state.changed:
                continue
            worktree.git("add", "--all")
            worktree.git("commit", "--quiet", "-m", message, *_trailers(change, needs[checkout.id]))
            done.append({"id": checkout.id, "commit": worktree.git("rev-parse", "HEAD")})
    return done


def _trailers(change: Change, needed: Sequence[str]) -> list[str]:
    words = ["--trailer", f"Change-Id: {change.record['change_id']}"]
    for checkout in place.parts(change):
        tip = place.tip(change, checkout)
        if checkout.id in needed and tip != change.record["base"][checkout.id]:
            words += ["--trailer", f"Depends-On: {checkout.id}@{tip}"]
    return words


def dirty(change: Change) -> list[str]:
    """The repositories of the change with work that is not committed."""
    trees_ = [change.worktree(item) for item in place.parts(change)]
    return [item.id for item in trees_ if item.is_here and checkouts.state(item).changed]


def adopt(home: Workspace, name: str, environment: dict[str, str]) -> Change:
    """For CI: the change of this name as it was pushed, in whichever repositories have its branch."""
    change = place.named(home, name)
    base: dict[str, str] = {}
    with place.alone(change):
        for checkout in place.everything(home):
            remote = checkouts.remote(checkout)
            secrets = checkouts.secrets_of(home.root, checkout, environment)
            there = checkout.git("ls-remote", remote, f"refs/heads/{change.branch}", secrets=secrets)
            if there:
                spec = f"+refs/heads/{change.branch}:refs/remotes/{remote}/{change.branch}"
                checkout.git("fetch", "--quiet", remote, spec, secrets=secrets)
                base[checkout.id] = checkout.git("merge-base", "HEAD", place.tip(change, checkout))
        if not base:
            raise WrongUse(f"no repository's remote has the branch {change.branch}", hint="change publish")
        change.remember({**change.record, "base": base, "change_id": change.record.get("change_id")})
    return change
