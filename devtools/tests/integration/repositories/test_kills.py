"""Killed at random moments, clone, change start and change commit are ended by the next call."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from devtools_waiting import until

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


def cut_off(checkout, *arguments: str, at) -> None:
    """Run a command and kill it with all it started once the file `at` is there."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "devtools", *arguments],
        cwd=checkout.folder, env=checkout.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(at.exists, "git is in the middle of the merge")
    whole = psutil.Process(process.pid).children(recursive=True)  # git before the filter that it waits for
    for one in (process, *whole):
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()
    psutil.wait_procs(whole, 60)


def test_a_land_that_was_killed_in_the_merge_is_ended_by_the_next_and_loses_no_work(built, tmp_path):  # noqa: F811
    alpha = Checkout(built.folder / "alpha")
    alpha.commit(**{".gitattributes": "*.slow filter=slow\n", "a.txt": "old\n", "z.txt": "old\n"})
    told(built, "start", "hold", "--repo", "alpha", "--repo", "beta")
    tree = built.folder / ".devtools/changes/hold/tree/alpha"
    for name in ("a.txt", "b.txt", "m.slow", "z.txt"):
        (tree / name).write_text("new\n")
    told(built, "commit", "hold", "-m", "All is new")
    sha = told(built, "verify", "hold")["tuple"]["alpha"]
    reached, never = tmp_path / "reached", tmp_path / "never"
    os.mkfifo(never)
    alpha.git("config", "filter.slow.smudge", f"touch '{reached}'; read x < '{never}'; cat")
    cut_off(built, "change", "land", "hold", at=reached)
    alpha.git("config", "--unset", "filter.slow.smudge")
    assert (alpha.folder / ".git/index.lock").exists()
    assert [(alpha.folder / name).read_text() for name in ("a.txt", "z.txt")] == ["new\n", "old\n"]

    (alpha.folder / "z.txt").write_text("mine\n")
    done = built.devtools("change", "land", "hold", status=3)
    assert (
        "alpha: an earlier land was cut off here, which left index.lock; changed since then: z.txt"
        in done.stderr
    )
    assert "stash push -- z.txt, then call again" in done.stderr
    assert (alpha.folder / "z.txt").read_text() == "mine\n"

    (alpha.folder / "z.txt").write_text("")  # as git leaves a file that it had only opened
    (alpha.folder / ".git/index.lock").touch()
    done = built.devtools("change", "land", "hold")
    assert "alpha: an earlier land was cut off in the merge, which left index.lock: its " in done.stderr
    assert f" files are at {sha[:12]} now" in done.stderr
    assert alpha.git("rev-parse", "HEAD") == sha
    assert alpha.git("status", "--porcelain") == ""
    assert (alpha.folder / "m.slow").read_text() == "new\n"
    assert "landing" not in (built.folder / ".devtools/changes/hold/change.json").read_text()


@pytest.mark.long
def test_a_land_killed_at_random_moments_is_ended_by_the_next(built):  # noqa: F811
    chance = random.Random(6)
    trees = {path: Checkout(built.folder / path) for path in PLACES.values()}
    hits, took_s = 0, 0.0
    for number in range(100):
        if hits == 20:
            break
        name = f"land-{number}"
        told(built, "start", name, "--repo", "alpha", "--repo", "beta")
        for path in PLACES.values():
            for file in range(200):
                place = built.folder / f".devtools/changes/{name}/tree/{path}/f{file}"
                place.write_text(f"{number}\n" * 200)
        told(built, "commit", name, "-m", f"Round {number}")
        landed = told(built, "verify", name)["tuple"]
        if took_s:
            hits += killed(built, chance, took_s, "change", "land", name)
            built.devtools("change", "land", name)
        else:
            took_s = timed(built, "change", "land", name)
        for id_, path in PLACES.items():
            assert trees[path].git("rev-parse", "main") == landed[id_]
            assert trees[path].git("status", "--porcelain") == ""
    assert hits == 20


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
