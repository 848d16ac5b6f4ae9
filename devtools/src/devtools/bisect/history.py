"""A repository's own line from a good commit to a bad one, as git tells it. Must not change a repository."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from devtools.bisect.order import Move
from devtools.errors import DevtoolsError, WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.repositories.checkouts import Checkout

_FORM = "%x00".join((
    "%H", "%P", "%ct", "%an", "%s",
    "%(trailers:key=Change-Id,valueonly,separator=%x20)",
    "%(trailers:key=Depends-On,valueonly,separator=%x20)",
))  # fmt: skip
_DEPENDS = re.compile(r"(\S+)@([0-9a-f]{40,64})")


class _Commit(NamedTuple):
    sha: str
    parents: list[str]
    at: int
    author: str
    subject: str
    change_ids: list[str]
    depends_on: list[tuple[str, str]]


def line(checkout: Checkout, good: str, bad: str) -> list[Move]:
    """The commits from `good`, itself left out, to `bad`, the oldest first.

    Only what the branch itself was at: the first parents of merges; what a merge brought comes with it.
    Raises WrongUse where a commit is not here, or `bad` does not descend from `good`.
    """
    for sha in (good, bad):
        if checkout.asked("cat-file", "-e", f"{sha}^{{commit}}") is None:
            raise WrongUse(
                f"{checkout.id} has no commit {sha}",
                hint=f"git -C {checkout.folder} fetch (with --unshallow in a shallow clone)",
            )
    if good == bad:
        return []
    commits = _between(checkout, good, bad)
    descend = {good}
    for sha, commit in commits.items():
        if descend.intersection(commit.parents):
            descend.add(sha)
    if bad not in descend:
        raise WrongUse(
            f"{checkout.id}: the bad commit {bad[:12]} does not descend from the good one {good[:12]}",
            hint=f"give a good one that has in {checkout.id} the commit that both build on: "
            + (checkout.asked("merge-base", good, bad) or "there is none"),
        )
    chain = [bad]
    while (parent := commits[chain[-1]].parents[0]) in descend and parent != good:
        chain.append(parent)
    known = {good}
    return [_move(checkout.id, commits, sha, known) for sha in reversed(chain)]


def _between(checkout: Checkout, good: str, bad: str) -> dict[str, _Commit]:
    """What `bad` holds and `good` does not; parents first."""
    asked = ("log", "--topo-order", "--reverse", "--no-show-signature", f"--format={_FORM}")
    told = checkout.asked(*asked, f"{good}..{bad}")  # which bears names that are not in UTF-8
    if told is None:
        raise DevtoolsError(
            f"{checkout.id}: git cannot read what lies between {good[:12]} and {bad[:12]}",
            hint=f"git -C {checkout.folder} fetch, then git -C {checkout.folder} fsck",
        )
    found: dict[str, _Commit] = {}
    for text in told.split("\n"):
        if text:
            sha, parents, at, author, subject, changes, depends = text.split("\0")
            wanted = _DEPENDS.findall(depends)
            found[sha] = _Commit(sha, parents.split(), int(at), author, subject, changes.split(), wanted)
    return found


def _move(repository: str, commits: Mapping[str, _Commit], sha: str, known: set[str]) -> Move:
    """The commit with all that it adds to what is `known`, which grows by it."""
    brings: set[str] = set()
    waiting = [sha]
    while waiting:
        fresh = waiting.pop()
        if fresh in commits and fresh not in known:
            known.add(fresh)
            brings.add(fresh)
            waiting += commits[fresh].parents
    commit = commits[sha]
    return Move(
        repository,
        sha,
        commit.at,
        commit.author,
        commit.subject,
        frozenset(brings),
        frozenset(change for one in brings for change in commits[one].change_ids),
        frozenset(wanted for one in brings for wanted in commits[one].depends_on),
    )
