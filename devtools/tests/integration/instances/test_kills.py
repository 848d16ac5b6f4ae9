"""Killed at random moments, the next call converges; work that is nowhere else survives every call."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest

from devtools.errors import Blocked
from devtools.instances import life


def kill_at(home, fraction: float, took_s: float, *arguments: str) -> bool:
    """Run a command and kill its whole process group at a fraction of its usual time; True where it lived."""
    process = home.begin(*arguments)
    try:
        process.communicate(timeout=max(0.01, fraction * took_s))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=300)
        return True
    return False


def measured(home, *arguments: str) -> float:
    began = time.monotonic()
    home.run(*arguments)
    return time.monotonic() - began


def killed_and_converged(home, here, rng: random.Random, rounds: int, *options: str) -> int:
    """How many kills hit a running command; after each, the next call ends what was begun."""
    create_s = measured(home, "instance", "create", "one", *options)
    remove_s = measured(home, "instance", "remove", "one")
    hits = 0
    for _ in range(rounds):
        hits += kill_at(home, rng.uniform(0.1, 0.95), create_s, "instance", "create", "one", *options)
        if rng.random() < 0.5 and home.tree("one").parent.exists():
            life.remove(here, "one")
            assert left(home) == []
        if "--no-up" in options:
            life.create(here, "one")
        else:
            home.run("instance", "create", "one")
        row = life.row(life.there(here, "one"))
        assert row["state"] == "ready" and set(row["shas"]) == {".", "alpha"}
        assert (home.tree("one") / "alpha" / "one").read_text() == "1\n"
        hits += kill_at(home, rng.uniform(0.1, 0.95), remove_s, "instance", "remove", "one")
        if rng.random() < 0.5:
            life.create(here, "one")
        if home.tree("one").parent.exists():
            life.remove(here, "one")
        assert left(home) == []
    return hits


def left(home) -> list[str]:
    """Whatever of an instance is still there."""
    found = [*home.worktrees(), *(home.branches() - {"main"})]
    folder = home.root / ".devtools" / "instances"
    found += [entry.name for entry in folder.glob("[!.]*")]
    found += [
        " ".join(process.cmdline()) for process in home.processes() if str(folder) in str(process.environ())
    ]
    return found


def test_killed_at_any_moment_the_next_call_converges(home, here):
    killed_and_converged(home, here, random.Random(5), 2, "--no-up")


@pytest.mark.long
def test_killed_at_fifty_moments_with_a_database(home_with_database, here_with_database):
    rng = random.Random(50)
    hits = 0
    for number in range(20):  # what ends before its kill comes is no hit
        options = [] if number % 3 == 0 else ["--no-up"]
        hits += killed_and_converged(home_with_database, here_with_database, rng, 5, *options)
        print(f"{hits} kills hit after {number + 1} turns")
        if hits >= 50:
            return
    raise AssertionError(f"only {hits} kills hit")


def a_deed(home, rng: random.Random, folder, number: int) -> None:
    """Leave one kind of work in a worktree, as a person would."""
    kind = rng.choice(("new", "changed", "staged", "removed", "renamed", "committed", "detached", "conflict"))
    if kind == "new":
        (folder / f"new {number}\n\u00e4").write_text(f"{number}\n")
    elif kind in ("changed", "staged"):
        (folder / "one").write_text(f"{kind} {number}\n")
        if kind == "staged":
            home.git(folder, "add", "--all")
    elif kind == "removed":
        (folder / "one").unlink(missing_ok=True)
    elif kind == "renamed":
        (folder / "other").write_text("o\n")
        home.git(folder, "add", "--all")
    elif kind == "conflict":
        a_conflict(home, folder, number)
    else:
        if kind == "detached" and not home.git(folder, "ls-files", "--unmerged"):
            home.git(folder, "checkout", "--quiet", "--detach")
        (folder / f"committed {number}").write_text("c\n")
        home.git(folder, "add", "--all")
        home.git(folder, "commit", "--quiet", "-m", kind)


def a_conflict(home, folder, number: int) -> None:
    """Begin a merge that cannot end by itself; only where nothing else is in the way."""
    if home.git(folder, "status", "--porcelain"):
        return
    begin = home.git(folder, "rev-parse", "HEAD")
    for side in ("theirs", "ours"):
        home.git(folder, "checkout", "--quiet", "--detach", begin)
        (folder / "both").write_text(f"{side} {number}\n")
        home.git(folder, "add", "both")
        home.git(folder, "commit", "--quiet", "-m", side)
        home.git(folder, "branch", "--force", f"{side}-{number}")
    home.git(folder, "checkout", "--quiet", "-B", "instance/one")
    with pytest.raises(AssertionError):
        home.git(folder, "merge", "--quiet", f"theirs-{number}")


def content(folder) -> dict[str, bytes]:
    """Every file of a worktree but git's and devtools' own."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not {".git", ".devtools", ".env"} & set(file.relative_to(folder).parts)
    }


def kept_through_everything(home, here, rng: random.Random, rounds: int) -> None:
    life.create(here, "one")
    tree = home.tree("one")
    for number in range(rounds):
        for folder in rng.sample([tree, tree / "alpha"], rng.randint(1, 2)):
            a_deed(home, rng, folder, number)
        before = content(tree)
        heads = [home.git(folder, "rev-parse", "HEAD") for folder in (tree, tree / "alpha")]
        if rng.random() < 0.5:
            life.create(here, "one")
            assert content(tree) == before
        try:
            kept = life.remove(here, "one")["branches_kept"]
        except Blocked:
            assert content(tree) == before
            continue
        life.create(here, "one")  # only what was committed may have gone, and it comes back
        assert content(tree) == before, kept
        assert [home.git(folder, "rev-parse", "HEAD") for folder in (tree, tree / "alpha")] == heads


def test_no_work_is_ever_lost(home, here):
    kept_through_everything(home, here, random.Random(7), 4)
    life.remove(here, "one", force=True)


@pytest.mark.long
def test_no_work_is_ever_lost_in_many_states(home, here):
    for seed in range(40):
        kept_through_everything(home, here, random.Random(seed), 6)
        life.remove(here, "one", force=True)
        for folder in (home.root, home.root / "alpha"):
            for branch in home.git(folder, "branch", "--format=%(refname:short)").split():
                if branch != "main":
                    home.git(folder, "branch", "--quiet", "-D", branch)
