"""Sending a change out: pushed in the order of building, offered as pull requests, landed once verified.

Must not force a push, nor land commits that were not verified together.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from devtools.changes import landing, place, verdicts, work
from devtools.errors import Blocked, DevtoolsError
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devtools.changes.place import Change
    from devtools.repositories.checkouts import Checkout

FORGES = {"github": "gh", "gitlab": "glab"}
FORGE_DEADLINE_S = 120


def publish(change: Change, environment: Mapping[str, str], *, offer: bool = True) -> list[dict[str, Any]]:
    """Push the branch of every repository that has commits of the change; what became of each.

    A call after one that was cut off goes on: what is pushed or offered already stays as it is.
    """
    rows: list[dict[str, Any]] = []
    with place.alone(change):
        for checkout in place.parts(change):
            sha = place.tip(change, checkout)
            if sha == change.record["base"][checkout.id]:
                continue
            remote = checkouts.remote(checkout)
            secrets = checkouts.secrets_of(change.home.root, checkout, environment)
            try:
                checkout.git("push", "--quiet", remote, f"{sha}:refs/heads/{change.branch}", secrets=secrets)
            except DevtoolsError as fault:
                if "rejected" in fault.message:
                    fault.hint = f"others pushed to {change.branch}: fetch and rebase; nothing is ever forced"
                raise
            row = {"id": checkout.id, "commit": sha, "remote": remote, "branch": change.branch}
            rows.append({**row, "request": _offer(change, checkout, remote) if offer else None})
    return rows


def _offer(change: Change, checkout: Checkout, remote: str) -> str | None:
    """The pull request's address, through the forge's own program; None where there is none."""
    url = checkout.git("remote", "get-url", remote)
    program = next((name for word, name in FORGES.items() if word in url and shutil.which(name)), None)
    if program is None:
        return None
    title = checkout.git("log", "-1", "--format=%s", place.tip(change, checkout))
    target = _target(checkout)
    if program == "gh":
        seen = _forge(checkout, ["gh", "pr", "view", change.branch, "--json", "url", "--jq", ".url"])
        made = ["gh", "pr", "create", "--head", change.branch, "--base", target, "--title", title,
                "--body", _body(change)]  # fmt: skip
    else:
        seen = _forge(checkout, ["glab", "mr", "view", change.branch, "--output", "json"])
        seen = str(json.loads(seen)["web_url"]) if seen else None
        made = ["glab", "mr", "create", "--source-branch", change.branch, "--target-branch", target,
                "--title", title, "--description", _body(change), "--yes"]  # fmt: skip
    if seen:
        return seen.strip()
    told = _forge(checkout, made)
    if told is None:
        raise DevtoolsError(
            f"{checkout.id}: {program} could not open the request", hint=f"{program} auth status"
        )
    return (told.strip().splitlines() or [""])[-1]


def _forge(checkout: Checkout, command: list[str]) -> str | None:
    done = subprocess.run(
        command, cwd=checkout.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=FORGE_DEADLINE_S,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else None


def _body(change: Change) -> str:
    tuple_ = place.commits(change)
    verdict = verdicts.of(change, tuple_)
    word = "verified" if verdict.get("passed") and verdict.get("scope") == "full" else "not verified yet"
    lines = [f"Part of the change `{change.name}`, {word} as one. Merge in this order:", ""]
    lines += [f"1. {item.id} at {tuple_[item.id]}" for item in place.parts(change)]
    return "\n".join([*lines, "", f"Change-Id: {change.record['change_id']}"])


def _target(checkout: Checkout) -> str:
    """The branch that the change is meant for."""
    return checkout.ref or checkout.asked("symbolic-ref", "--short", "HEAD") or "main"


def land(
    change: Change, environment: Mapping[str, str], say: Callable[[str], None], *, push: bool = False
) -> list[dict[str, Any]]:
    """Move every repository's branch forward to the verified commits; all are checked before the first moves.

    What an earlier call left half done when it was killed is ended first, and said.
    Raises Blocked where exactly these commits were not verified, or where one could not be moved forward.
    """
    with place.alone(change):
        if dirty := work.dirty(change):
            raise Blocked(f"not committed: work in {', '.join(dirty)}", hint="change commit, then verify")
        tuple_ = place.commits(change)
        verdict = verdicts.of(change, tuple_)
        if not verdict.get("passed") or verdict.get("scope") != "full":
            why = "were refused" if verdict else "were never verified together"
            raise Blocked(
                f"these commits {why} ({place.key_of(tuple_)})", hint=f"change verify {change.name}"
            )
        parts = place.parts(change)
        landing.mend(change, parts, _target, say)
        if faults := [why for item in parts if (why := _in_the_way(item, tuple_[item.id]))]:
            raise Blocked("\n".join(faults), hint="rebase the change there and verify it again")
        landing.begin(change, {item.id: (_tip(item), tuple_[item.id]) for item in parts})
        try:
            rows: list[dict[str, Any]] = [
                {"id": item.id, **_forward(item, tuple_[item.id])} for item in parts
            ]
        except DevtoolsError:
            landing.end(change)
            raise
        landing.end(change)
        for checkout in parts if push else []:
            secrets = checkouts.secrets_of(change.home.root, checkout, environment)
            target = _target(checkout)
            spec = f"{tuple_[checkout.id]}:refs/heads/{target}"
            checkout.git("push", "--quiet", checkouts.remote(checkout), spec, secrets=secrets)
        return rows


def _in_the_way(checkout: Checkout, sha: str) -> str | None:
    target = _target(checkout)
    current = checkout.asked("rev-parse", "--verify", "--quiet", f"refs/heads/{target}")
    if current is None:
        return f"{checkout.id}: has no branch {target}"
    if checkout.asked("merge-base", "--is-ancestor", current, sha) is None:
        return f"{checkout.id}: {target} has commits that the change does not build on"
    state = checkouts.state(checkout)
    if state.branch == target and current != sha and (state.changed or state.under_way):
        return f"{checkout.id}: {checkout.folder} has {state.changed} files that are not committed"
    return None


def _tip(checkout: Checkout) -> str:
    return checkout.git("rev-parse", f"refs/heads/{_target(checkout)}")


def _forward(checkout: Checkout, sha: str) -> dict[str, str]:
    target = _target(checkout)
    before = _tip(checkout)
    if before != sha and checkout.asked("symbolic-ref", "--short", "HEAD") == target:
        checkout.git("merge", "--quiet", "--ff-only", sha)
    elif before != sha:
        checkout.git("update-ref", f"refs/heads/{target}", sha, before)
    return {"branch": target, "from": before, "to": sha}
