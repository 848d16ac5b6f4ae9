"""Several checkouts as one: what they are at, what moves them, and what never does."""

from __future__ import annotations

import json
import random
import shutil

import pytest

from .conftest import Checkout


def told(checkout, *arguments, status=0):
    return json.loads(checkout.devtools("repos", *arguments, "--json", status=status).stdout)


def by_id(rows):
    return {row["id"]: row for row in rows}


def theirs(fleet, name="alpha", file="theirs"):
    """Somebody else pushes a commit."""
    other = Checkout(fleet.folder.parent / f"other-{name}-{file}")
    other.folder.mkdir()
    other.git("clone", "--quiet", str(fleet.folder.parent / "out" / f"{name}.git"), ".")
    other.commit(**{file: "t\n"})
    other.git("push", "--quiet", "origin", "HEAD:main")
    return other.git("rev-parse", "HEAD")


def test_status_tells_all_in_one_table(fleet):
    alpha = Checkout(fleet.folder / "alpha")
    alpha.commit(mine="m\n")
    (alpha.folder / "new").write_text("n\n")
    beta = Checkout(fleet.folder / "parts/beta")
    beta.git("checkout", "--quiet", "--detach")
    rows = by_id(told(fleet, "status"))
    assert list(rows) == [".", "alpha", "beta"]
    assert (rows["alpha"]["ahead"], rows["alpha"]["changed"], rows["alpha"]["off_pin"]) == (1, 1, 1)
    assert (rows["beta"]["branch"], rows["beta"]["pin"], rows["beta"]["off_pin"]) == (None, "main", 0)
    assert list(by_id(told(fleet, "status", "--group", "libraries"))) == ["alpha"]
    table = fleet.devtools("repos", "status").stdout
    assert "main, 1 off" in table
    assert "(detached)" in table


def test_an_unknown_name_or_group_is_wrong_use(fleet):
    assert "known: ., alpha, beta" in fleet.devtools("repos", "status", "--repo", "gamma", status=2).stderr
    assert "groups: libraries, services" in fleet.devtools("repos", "log", "--group", "x", status=2).stderr


def test_a_single_checkout_is_one_repository(single):
    assert list(by_id(told(single, "status"))) == ["."]
    assert "single checkout" in single.devtools("repos", "status", "--repo", "alpha", status=2).stderr


def test_sync_moves_what_is_behind_and_leaves_work_alone(fleet):
    new = theirs(fleet)
    assert by_id(told(fleet, "sync"))["alpha"]["outcome"] == "moved"
    alpha = Checkout(fleet.folder / "alpha")
    assert alpha.git("rev-parse", "HEAD") == new
    theirs(fleet, file="more")
    (alpha.folder / "one").write_text("not committed\n")
    row = by_id(told(fleet, "sync"))["alpha"]
    assert (row["outcome"], row["detail"]) == ("left", "1 files are not committed")
    assert "worktree add --detach" in row["hint"]
    assert (alpha.folder / "one").read_text() == "not committed\n"
    assert alpha.git("rev-parse", "HEAD") == new
    told(fleet, "sync", "--worktrees")
    assert (fleet.folder / ".devtools/worktrees/alpha/more").exists()


@pytest.mark.long
def test_diverged_and_detached_and_unreachable_are_told_apart(fleet):
    theirs(fleet)
    alpha = Checkout(fleet.folder / "alpha")
    alpha.commit(mine="m\n")
    beta = Checkout(fleet.folder / "parts/beta")
    beta.git("checkout", "--quiet", "--detach")
    rows = by_id(told(fleet, "sync"))
    assert "has diverged: 1 ahead, 1 behind" in rows["alpha"]["detail"]
    assert "detached HEAD" in rows["beta"]["detail"]
    beta.git("checkout", "--quiet", "main")
    shutil.move(fleet.folder.parent / "out/beta.git", fleet.folder.parent / "out/gone.git")
    rows = by_id(told(fleet, "sync", status=1))
    assert rows["beta"]["outcome"] == "failed"
    assert "does not appear to be a git repository" in rows["beta"]["detail"]
    assert rows["alpha"]["outcome"] == "left"


@pytest.mark.long
def test_a_renamed_remote_is_followed_and_a_missing_upstream_is_named(fleet):
    new = theirs(fleet)
    alpha = Checkout(fleet.folder / "alpha")
    alpha.git("remote", "rename", "origin", "upstream")
    told(fleet, "sync", "--repo", "alpha")
    assert alpha.git("rev-parse", "HEAD") == new
    alpha.git("config", "branch.main.merge", "refs/heads/gone")
    row = by_id(told(fleet, "sync", "--repo", "alpha", status=1))["alpha"]
    assert "is not there any more" in row["detail"]


def test_foreach_grep_diff_and_log_look_at_all(fleet):
    words = ("--json", "--repo", "alpha", "--", "sh", "-c", "echo $REPOSITORY; exit 3")
    rows = json.loads(fleet.devtools("repos", "foreach", *words, status=1).stdout)
    assert [(row["id"], row["status"], row["stdout"]) for row in rows] == [("alpha", 3, "alpha\n")]
    assert [(hit["file"], hit["line"]) for hit in told(fleet, "grep", "^(2|one)$")] == [
        ("alpha/one", 1), ("parts/beta/two", 1)]  # fmt: skip
    assert told(fleet, "grep", "nowhere to be found", status=1) == []
    (fleet.folder / "parts/beta/two").write_text("22\n")
    entries = told(fleet, "diff")
    assert [(entry["id"], entry["files"][0]["file"]) for entry in entries] == [("beta", "parts/beta/two")]
    assert "--- a/parts/beta/two" in entries[0]["patch"]
    assert {row["id"] for row in told(fleet, "log")} == {".", "alpha", "beta"}
    assert len(told(fleet, "log", "-n", "1")) == 1


@pytest.mark.long
def test_branch_commit_and_push_act_as_one(fleet):
    (fleet.folder / "alpha/one").write_text("changed\n")
    (fleet.folder / "parts/beta/new").write_text("n\n")
    chosen = ("--repo", "alpha", "--repo", "beta")
    assert {row["outcome"] for row in told(fleet, "branch", "topic", *chosen)} == {"moved"}
    assert {row["outcome"] for row in told(fleet, "commit", "-a", "-m", "One thing", *chosen)} == {"moved"}
    assert {row["outcome"] for row in told(fleet, "push", *chosen)} == {"moved"}
    assert {row["outcome"] for row in told(fleet, "push", *chosen)} == {"current"}
    for name in ("alpha", "beta"):
        bare = Checkout(fleet.folder.parent / "out" / f"{name}.git")
        assert bare.git("log", "-1", "--format=%s", "topic") == "One thing"


def test_push_never_overwrites_what_others_pushed(fleet):
    new = theirs(fleet)
    Checkout(fleet.folder / "alpha").commit(mine="m\n")
    done = fleet.devtools("repos", "push", "--repo", "alpha", status=1)
    assert "nothing is ever forced" in done.stderr
    assert Checkout(fleet.folder.parent / "out/alpha.git").git("rev-parse", "main") == new


@pytest.mark.long
def test_freeze_and_restore_bring_exact_commits_back(fleet):
    alpha = Checkout(fleet.folder / "alpha")
    frozen = alpha.git("rev-parse", "HEAD")
    told(fleet, "freeze")
    theirs(fleet)
    told(fleet, "sync", "--repo", "alpha")
    shutil.rmtree(fleet.folder / "parts/beta")
    assert by_id(told(fleet, "restore"))["alpha"]["outcome"] == "moved"
    assert alpha.git("rev-parse", "HEAD") == frozen
    assert (fleet.folder / "parts/beta/two").exists()
    alpha.git("checkout", "--quiet", "main")
    (alpha.folder / "one").write_text("work\n")
    assert by_id(told(fleet, "restore", status=1))["alpha"]["outcome"] == "left"
    assert (alpha.folder / "one").read_text() == "work\n"


@pytest.mark.long
def test_a_shallow_clone_is_deepened_for_an_older_commit(fleet):
    shutil.rmtree(fleet.folder / "alpha")
    older = Checkout(fleet.folder.parent / "out/alpha.git").git("rev-parse", "main^")
    overlay = fleet.folder / "workspace.yaml"
    address = f"file://{fleet.folder.parent}/out/alpha.git"  # a path alone is never cloned shallowly
    overlay.write_text(overlay.read_text().replace("../alpha.git", address))
    fleet.devtools("repos", "clone", "--depth", "1")
    alpha = Checkout(fleet.folder / "alpha")
    assert alpha.git("rev-parse", "--is-shallow-repository") == "true"
    lock = {"version": 1, "repositories": {"alpha": {"path": "alpha", "commit": older, "branch": None}}}
    (fleet.folder / "repositories.lock.json").write_text(json.dumps(lock))
    assert told(fleet, "restore")[0]["outcome"] == "moved"
    assert alpha.git("rev-parse", "HEAD") == older


def test_a_broken_lock_is_named(fleet):
    (fleet.folder / "repositories.lock.json").write_text('{"repositories": {"alpha": {"commit": "main"}}}')
    assert "has no full commit: main" in fleet.devtools("repos", "restore", status=2).stderr


def _disturb(alpha, chance):
    """A random state of work: committed, staged, changed, new, stashed, detached."""
    for step in chance.sample(["commit", "stage", "change", "new", "stash", "detach"], chance.randint(1, 4)):
        if step == "commit":
            alpha.commit(**{f"c{chance.random()}": "c\n"})
        elif step == "stash":
            (alpha.folder / "one").write_text("stashed\n")
            alpha.git("stash", "--quiet")
        elif step == "detach":
            alpha.git("checkout", "--quiet", "--detach")
        else:
            (alpha.folder / ("one" if step != "new" else "two")).write_text(f"{step} {chance.random()}\n")
            if step == "stage":
                alpha.git("add", "one")


def _work(alpha):
    """All that must survive: files, index, stashes, and the commits that were made here."""
    files = {place.name: place.read_bytes() for place in alpha.folder.iterdir() if place.is_file()}
    return files, alpha.git("diff", "--cached"), alpha.git("stash", "list"), alpha.git("rev-parse", "HEAD")


def _work_is_never_touched(fleet, seed):
    chance = random.Random(seed)
    alpha = Checkout(fleet.folder / "alpha")
    told(fleet, "freeze")
    _disturb(alpha, chance)
    theirs(fleet, file=f"one-{seed}")
    before = _work(alpha)
    is_dirty = bool(alpha.git("status", "--porcelain"))
    is_ahead = bool(alpha.git("rev-list", "@", "--not", "--remotes"))
    for verb in chance.sample([("sync",), ("restore",), ("branch", "main"), ("clone",)], 3):
        if verb[0] == "sync" or is_dirty or (verb[0] == "clone"):
            fleet.devtools(*("repos", *verb), status=None)
            if is_dirty or is_ahead:
                assert _work(alpha) == before, (seed, verb)


def test_uncommitted_work_is_never_touched(fleet):
    _work_is_never_touched(fleet, 7)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(40))
def test_uncommitted_work_is_never_touched_in_any_state(fleet, seed):
    _work_is_never_touched(fleet, seed)
