"""What moves checkouts: sync, branch, commit, push, restore.

Must not move one that is dirty, ahead or in the middle of something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from devtools.repositories.checkouts import Checkout, State

WORKTREES = ".devtools/worktrees"


@dataclass(frozen=True)
class Moved:
    """What became of one checkout: `outcome` is a word, `detail` a sentence, `hint` what may be done."""

    id: str
    outcome: str
    detail: str = ""
    hint: str = ""

    @property
    def is_fault(self) -> bool:
        """True where something went wrong, not where work was rightly left alone."""
        return self.outcome == "failed"


def failed(checkout: Checkout, fault: DevtoolsError) -> Moved:
    """The fault of one checkout, which must not hide what became of the others."""
    return Moved(checkout.id, "failed", fault.message, fault.hint or "")


def sync(root: Path, checkout: Checkout, environment: Mapping[str, str], *, aside: bool) -> Moved:
    """Fetch, and move forward where nothing can be lost. aside: else make a worktree at the remote's tip."""
    try:
        name = checkouts.remote(checkout)
        secrets = checkouts.secrets_of(root, checkout, environment)
        checkout.git("fetch", "--quiet", "--prune", name, secrets=secrets)
        state = checkouts.state(checkout)
        target = state.upstream or f"{name}/{checkout.ref or state.branch or 'HEAD'}"
        if checkout.asked("rev-parse", "--verify", "--quiet", f"{target}^{{commit}}") is None:
            raise DevtoolsError(
                f"{checkout.id}: {target} is not there any more", hint=_renamed(checkout, name, secrets)
            )
        why = _in_the_way(state)
        if why is None:
            if not state.behind:
                return Moved(checkout.id, "current", f"{state.branch} is at {target}")
            checkout.git("merge", "--quiet", "--ff-only", target)
            return Moved(checkout.id, "moved", f"{state.branch}: {state.behind} commits further")
        return _left(root, checkout, why, target, aside=aside)
    except DevtoolsError as fault:
        return failed(checkout, fault)


def _renamed(checkout: Checkout, remote: str, secrets: Mapping[str, str]) -> str:
    """What to do where the branch that was followed is gone: mostly the default branch has a new name."""
    told = checkout.git("ls-remote", "--symref", remote, "HEAD", secrets=secrets)
    found = re.match(r"ref: refs/heads/(\S+)\s", told)
    if not found:
        return f"git -C {checkout.folder} branch -r shows what is; correct its upstream or `ref`"
    return (
        f"the default branch there is {found[1]}: git -C {checkout.folder} branch -m {found[1]} && "
        f"git -C {checkout.folder} branch -u {remote}/{found[1]}; then correct `ref` in workspace.yaml"
    )


def _in_the_way(state: State) -> str | None:
    """Why this checkout is not moved; None where nothing can be lost."""
    if state.under_way:
        return f"a {state.under_way} is under way"
    if state.changed:
        return f"{state.changed} files are not committed"
    if state.branch is None:
        return "no branch is checked out (detached HEAD)"
    if state.upstream is None:
        return f"{state.branch} follows no branch of the remote"
    if state.ahead and state.behind:
        return f"{state.branch} has diverged: {state.ahead} ahead, {state.behind} behind {state.upstream}"
    if state.ahead:
        return f"{state.branch} is {state.ahead} ahead of {state.upstream}"
    return None


def _left(root: Path, checkout: Checkout, why: str, target: str, *, aside: bool) -> Moved:
    place = root / WORKTREES / ("root" if checkout.id == checkouts.ROOT else checkout.id)
    if not aside:
        return Moved(
            checkout.id, "left", why, f"git -C {checkout.folder} worktree add --detach {place} {target}"
        )
    if not (place / ".git").exists():
        checkout.git("worktree", "prune")
        checkout.git("worktree", "add", "--quiet", "--detach", str(place), target)
    return Moved(checkout.id, "left", f"{why}; {target} lies in {place}")


def switch(checkout: Checkout, branch: str) -> Moved:
    """Go to the branch, made here where it is not there. What is not committed is never written over."""
    try:
        state = checkouts.state(checkout)
        if state.branch == branch:
            return Moved(checkout.id, "current", f"on {branch}")
        if state.under_way:
            return Moved(checkout.id, "left", f"a {state.under_way} is under way")
        is_there = checkout.asked("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") is not None
        if is_there and state.changed:
            return Moved(checkout.id, "left", f"{state.changed} files are not committed", "repos commit -m …")
        checkout.git("switch", "--quiet", *([] if is_there else ["--create"]), branch)
        return Moved(
            checkout.id, "moved", branch if is_there else f"{branch} begins at {(state.head or '')[:12]}"
        )
    except DevtoolsError as fault:
        return failed(checkout, fault)


def commit(checkout: Checkout, message: str, *, everything: bool) -> Moved:
    """Commit what is staged, or all there is."""
    try:
        state = checkouts.state(checkout)
        if state.under_way:
            return Moved(checkout.id, "left", f"a {state.under_way} is under way")
        if everything and state.changed:
            checkout.git("add", "--all")
        if checkout.asked("diff", "--cached", "--quiet") is not None:
            return Moved(
                checkout.id, "current", "nothing is staged" if state.changed else "nothing to commit"
            )
        checkout.git("commit", "--quiet", "-m", message)
        return Moved(checkout.id, "moved", checkout.git("rev-parse", "--short=12", "HEAD"))
    except DevtoolsError as fault:
        return failed(checkout, fault)


def push(root: Path, checkout: Checkout, environment: Mapping[str, str]) -> Moved:
    """Push the branch; never over commits that the remote has and this checkout has not."""
    try:
        branch = checkout.asked("symbolic-ref", "--short", "HEAD")
        if branch is None:
            return Moved(checkout.id, "left", "no branch is checked out (detached HEAD)", "repos branch NAME")
        name = checkouts.remote(checkout)
        secrets = checkouts.secrets_of(root, checkout, environment)
        told = checkout.git(
            "push", "--porcelain", "--set-upstream", name, f"refs/heads/{branch}", secrets=secrets
        )
        is_new = "[up to date]" not in told
        return Moved(checkout.id, "moved" if is_new else "current", f"{branch} to {name}")
    except DevtoolsError as fault:
        if "rejected" in fault.message:
            fault.hint = "repos sync, then rebase or merge; nothing is ever forced"
        return failed(checkout, fault)


def restore(root: Path, checkout: Checkout, sha: str, environment: Mapping[str, str]) -> Moved:
    """Bring the checkout to exactly this commit; its branches stay where they are."""
    try:
        state = checkouts.state(checkout)
        if state.head == sha:
            return Moved(checkout.id, "current", sha[:12])
        if state.changed or state.under_way:
            why = (
                f"a {state.under_way} is under way"
                if state.under_way
                else f"{state.changed} files are not committed"
            )
            return Moved(checkout.id, "left", why, f"commit them in {checkout.folder}")
        is_held = checkout.asked("for-each-ref", "--count=1", "--contains", "HEAD")
        if state.branch is None and state.head and not is_held:
            return Moved(
                checkout.id, "left", f"its commit {state.head[:12]} is on no branch", "repos branch NAME"
            )
        if checkout.asked("cat-file", "-e", f"{sha}^{{commit}}") is None:
            _bring(root, checkout, sha, environment)
        checkout.git("checkout", "--quiet", "--detach", sha)
        return Moved(checkout.id, "moved", sha[:12])
    except DevtoolsError as fault:
        return failed(checkout, fault)


def _bring(root: Path, checkout: Checkout, sha: str, environment: Mapping[str, str]) -> None:
    """The commit alone where the server gives it, else all there is; shallow clones are deepened."""
    name = checkouts.remote(checkout)
    secrets = checkouts.secrets_of(root, checkout, environment)
    try:
        checkout.git("fetch", "--quiet", name, sha, secrets=secrets)
    except DevtoolsError:
        is_shallow = checkout.asked("rev-parse", "--is-shallow-repository") == "true"
        checkout.git("fetch", "--quiet", *(["--unshallow"] if is_shallow else []), name, secrets=secrets)
    if checkout.asked("cat-file", "-e", f"{sha}^{{commit}}") is None:
        raise DevtoolsError(
            f"{checkout.id}: {name} has no commit {sha[:12]}",
            hint="it was never pushed: push it where it was frozen",
        )
