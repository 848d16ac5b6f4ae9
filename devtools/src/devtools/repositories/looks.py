"""What is asked of every checkout at once: grep, diff, log, any command. Must not change one by itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from devtools.errors import DevtoolsError, WrongUse
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.repositories.checkouts import Checkout


def _within(checkout: Checkout, path: str) -> str:
    return path if checkout.path == checkouts.ROOT else f"{checkout.path}/{path}"


def grep(found: Sequence[Checkout], pattern: str, *, ignore_case: bool = False) -> list[dict[str, Any]]:
    """Every line of a tracked file that matches: repository, file from the workspace's folder, line, text."""

    def one(checkout: Checkout) -> list[dict[str, Any]]:
        options = ["--ignore-case"] if ignore_case else []
        asked = ["git", "-C", str(checkout.folder), "grep", "-nIzE", "--no-color", *options, "-e", pattern]
        done = subprocess.run(asked, capture_output=True, text=True, errors="replace")
        if done.returncode > 1:
            raise WrongUse(f"{checkout.id}: {done.stderr.strip()}", hint="an extended regular expression")
        hits: list[dict[str, Any]] = []
        for line in done.stdout.splitlines():
            file, _, rest = line.partition("\0")
            number, _, text = rest.partition("\0")
            hits.append({
                "id": checkout.id, "file": _within(checkout, file), "line": int(number), "text": text,
            })  # fmt: skip
        return hits

    return [hit for hits in checkouts.at_once(one, found) for hit in hits]


def diff(found: Sequence[Checkout], since: str = "HEAD") -> list[dict[str, Any]]:
    """What differs from `since`, where anything does: files with lines added and removed, the patch."""

    def one(checkout: Checkout) -> dict[str, Any]:
        if checkout.asked("rev-parse", "--verify", "--quiet", f"{since}^{{commit}}") is None:
            raise DevtoolsError(
                f"{checkout.id}: there is no commit {since}", hint=f"git -C {checkout.folder} fetch"
            )
        prefix = "" if checkout.path == checkouts.ROOT else f"{checkout.path}/"
        files = [
            {"file": prefix + name, "added": added, "removed": removed}
            for added, removed, name in (
                line.split("\t", 2) for line in checkout.git("diff", "--numstat", since, "--").splitlines()
            )
        ]
        patch = checkout.git("diff", f"--src-prefix=a/{prefix}", f"--dst-prefix=b/{prefix}", since, "--")
        return {"id": checkout.id, "files": files, "patch": patch}

    return [entry for entry in checkouts.at_once(one, found) if entry["files"]]


def log(found: Sequence[Checkout], most: int, since: str = "") -> list[dict[str, Any]]:
    """The newest commits of all, newest first: repository, commit, when, who, subject, its change."""
    form = "%H%x1f%ct%x1f%an%x1f%s%x1f%(trailers:key=Change-Id,valueonly,separator=%x2C)%x1e"

    def one(checkout: Checkout) -> list[dict[str, Any]]:
        limits = [f"--since={since}"] if since else []
        told = checkout.asked("log", f"-n{most}", f"--format={form}", *limits) or ""
        rows: list[dict[str, Any]] = []
        for entry in filter(None, (part.strip("\n") for part in told.split("\x1e"))):
            sha, when, who, subject, change = entry.split("\x1f")
            rows.append({
                "id": checkout.id, "commit": sha, "at": int(when), "author": who, "subject": subject,
                "change_id": change or None,
            })  # fmt: skip
        return rows

    rows = [row for rows in checkouts.at_once(one, found) for row in rows]
    return sorted(rows, key=lambda row: -row["at"])[:most]


def foreach(found: Sequence[Checkout], words: Sequence[str]) -> list[dict[str, Any]]:
    """Run the command in every checkout side by side; what each said and its exit status."""

    def one(checkout: Checkout) -> dict[str, Any]:
        own = {"REPOSITORY": checkout.id, "REPOSITORY_PATH": checkout.path}
        try:
            done = subprocess.run(
                words,
                cwd=checkout.folder,
                env={**os.environ, **own},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
            )
        except OSError as fault:
            raise WrongUse(f"{words[0]}: {fault.strerror}", hint='a line for a shell: -- sh -c "…"') from None
        return {
            "id": checkout.id, "status": done.returncode, "stdout": done.stdout, "stderr": done.stderr,
        }  # fmt: skip

    return checkouts.at_once(one, found)
