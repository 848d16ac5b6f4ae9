"""Killed at random moments, clone, change start and change commit are ended by the next call."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from .conftest import Checkout
from .test_changes import begun, built, told  # noqa: F401  (fixtures)
from .test_split import cloned

PLACES = {"alpha": "alpha", "beta": "parts/beta"}


def killed(checkout, chance: random.Random, took_s: float, *arguments: str) -> int:
    """Run a command and kill it, alone or with all it started, somewhere on its way; 1 where it still ran."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "devtools", *arguments],
        cwd=checkout.folder, env=checkout.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(chance.uniform(0.2, 1.0) * took_s)
    except subprocess.TimeoutExpired:
        with suppress(psutil.NoSuchProcess):
            whole = psutil.Process(process.pid).children(recursive=True) if chance.random() < 0.5 else []
            process.kill()
            for child in whole:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        process.wait()
        return 1
    return 0


def timed(checkout, *arguments: str) -> float:
    began = time.monotonic()
    checkout.devtools(*arguments)
    return time.monotonic() - began


def clones_converge(published, chance: random.Random, rounds: int, kills: int = 1) -> int:
    hits = 0
    first = cloned(published, "first")
    took_s = timed(first, "repos", "clone")
    heads = {path: Checkout(first.folder / path).git("rev-parse", "HEAD") for path in PLACES.values()}
    for number in range(rounds):
        if hits == kills:
            break
        checkout = cloned(published, f"clone-{number}")
        hits += killed(checkout, chance, took_s, "repos", "clone")
        for path, head in heads.items():  # whatever is there by now is whole
            if (checkout.folder / path).exists():
                assert Checkout(checkout.folder / path).git("rev-parse", "HEAD") == head
                assert Checkout(checkout.folder / path).git("status", "--porcelain") == ""
        checkout.devtools("repos", "clone")
        assert heads == {path: Checkout(checkout.folder / path).git("rev-parse", "HEAD") for path in heads}
    return hits


def starts_converge(built, chance: random.Random, rounds: int, kills: int = 1) -> int:  # noqa: F811
    hits = 0
    chosen = ("--repo", "alpha", "--repo", "beta")
    took_s = timed(built, "change", "start", "first", *chosen)
    for number in range(rounds):
        if hits == kills:
            break
        name = f"start-{number}"
        hits += killed(built, chance, took_s, "change", "start", name, *chosen)
        built.devtools("change", "start", name, *chosen)
        for path in PLACES.values():
            tree = Checkout(built.folder / f".devtools/changes/{name}/tree/{path}")
            assert tree.git("symbolic-ref", "--short", "HEAD") == f"change/{name}"
            assert tree.git("status", "--porcelain") == ""
            assert tree.git("rev-parse", "HEAD") == Checkout(built.folder / path).git("rev-parse", "HEAD")
    return hits


def commits_converge(begun, chance: random.Random, rounds: int, kills: int = 1) -> int:  # noqa: F811
    hits = 0
    trees = [Checkout(begun.folder / ".devtools/changes/hold/tree" / path) for path in PLACES.values()]
    took_s = timed(begun, "change", "commit", "hold", "-m", "First")
    for number in range(rounds):
        if hits == kills:
            break
        for tree in trees:
            (tree.folder / f"work {number}").write_text(f"{number}\n")
        before = [tree.git("rev-parse", "HEAD") for tree in trees]
        hits += killed(begun, chance, took_s, "change", "commit", "hold", "-m", f"Work {number}")
        assert all((tree.folder / f"work {number}").read_text() == f"{number}\n" for tree in trees)
        begun.devtools("change", "commit", "hold", "-m", f"Work {number}")
        for tree, earlier in zip(trees, before, strict=True):
            assert tree.git("status", "--porcelain") == ""
            assert tree.git("rev-parse", "HEAD^") == earlier  # once, not twice
            assert "Change-Id: I" in tree.git("log", "-1", "--format=%B")
    return hits


def test_a_killed_clone_is_never_taken_for_done(published):
    clones_converge(published, random.Random(3), 1)


@pytest.mark.long
def test_a_killed_start_is_ended_by_the_next(built):  # noqa: F811
    starts_converge(built, random.Random(4), 1)


def test_a_killed_commit_is_ended_by_the_next(begun):  # noqa: F811
    commits_converge(begun, random.Random(5), 1)


def test_the_locks_of_a_killed_git_are_cleared_and_a_living_one_s_are_not(begun):  # noqa: F811
    tree = Checkout(begun.folder / ".devtools/changes/hold/tree/alpha")
    lock = begun.folder / "alpha/.git/worktrees/alpha/index.lock"
    lock.touch()
    done = begun.devtools("change", "commit", "hold", "-m", "Held", status=1)
    assert "index.lock" in done.stderr  # nobody was cut off: it may be a living git's
    assert lock.exists()
    (begun.folder / ".devtools/changes/.hold.lock").write_text("at work\n")  # as a kill leaves it
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=tree.folder, stdin=subprocess.PIPE) as living:
        begun.devtools("change", "commit", "hold", "-m", "Held", status=1)
        assert living.stdin is not None
        living.stdin.close()
    (begun.folder / ".devtools/changes/.hold.lock").write_text("at work\n")
    assert len(told(begun, "commit", "hold", "-m", "Held")) == 2


@pytest.mark.long
@pytest.mark.parametrize("verb", ["clone", "start", "commit"])
def test_killed_at_fifty_moments(verb, published, begun):  # noqa: F811
    chance = random.Random(50)
    ways = {"clone": (clones_converge, published), "start": (starts_converge, begun),
            "commit": (commits_converge, begun)}  # fmt: skip
    converge, subject = ways[verb]
    assert converge(subject, chance, 500, 50) == 50  # a kill may come too late
