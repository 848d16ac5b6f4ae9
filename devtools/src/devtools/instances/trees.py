"""The worktrees of an instance: one per git repository of its home. Never drops uncommitted work."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.errors import WrongUse
from devtools.instances.calls import git

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.instances.place import Instance
    from devtools.manifest.model import Repository

_HALF_MADE = "initializing"  # git's own note in a worktree until its first checkout has ended


def places(root: Path, repositories: Mapping[str, Repository]) -> dict[str, Path]:
    """The git repositories of a home: "." and those that have a `.git` of their own, by id."""
    if not (root / ".git").exists():
        raise WrongUse(f"{root} is no git repository", hint="git init && git add . && git commit")
    own = {item.id: Path(item.path) for item in repositories.values() if (root / item.path / ".git").exists()}
    return {".": Path(), **own}


def make(
    instance: Instance, repositories: Mapping[str, Repository], refs: Mapping[str, str]
) -> dict[str, str]:
    """Make the missing worktrees at `refs` (by repository id; default HEAD); returns the SHAs by id."""
    root = instance.home.root
    known = places(root, repositories)
    for name in refs:
        if name not in known:
            raise WrongUse(f"{name} is no git repository here", hint=f"known: {', '.join(known)}")
    shas: dict[str, str] = {}
    for name, path in known.items():
        source, target = root / path, instance.tree / path
        _clear_half_made(source, target)
        if not is_worktree(source, target):
            _add(source, target, instance.branch, refs.get(name))
        shas[name] = git(target, "rev-parse", "HEAD")
    return shas


def is_worktree(source: Path, target: Path) -> bool:
    """True where `target` is a worktree of `source`."""
    return (target / ".git").exists() and str(target) in listed(source)


def _clear_half_made(source: Path, target: Path) -> None:
    """Remove what a killed `git worktree add` left: by git's own note, nobody has worked there yet."""
    if str(target) in listed(source):
        if target.exists() and not is_half_made(source, target):
            if not (target / ".git").exists():
                mend = f"git -C {source} worktree repair {target}"
                raise WrongUse(f"{target} has lost its .git", hint=mend)
            return
        shutil.rmtree(target, ignore_errors=True)
        git(source, "worktree", "remove", "--force", "--force", str(target))
    elif target.is_dir() and not any(target.iterdir()):
        target.rmdir()


def is_half_made(source: Path, target: Path) -> bool:
    """True where git began the worktree and did not end its first checkout."""
    for pointer in (_common(source) / "worktrees").glob("*/gitdir"):
        place = os.path.normpath(pointer.parent / pointer.read_text().strip())
        if place == str(target / ".git"):
            note = pointer.with_name("locked")
            return note.is_file() and note.read_text().strip() == _HALF_MADE
    return False


def _common(source: Path) -> Path:
    return Path(git(source, "rev-parse", "--path-format=absolute", "--git-common-dir"))


def _add(source: Path, target: Path, branch: str, ref: str | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    start = git(source, "rev-parse", "--verify", "--quiet", f"{ref or 'HEAD'}^{{commit}}", check=False)
    if not start:
        raise WrongUse(f"{source} has no commit {ref or 'HEAD'}", hint="git fetch there, or commit first")
    full = f"refs/heads/{branch}"
    # Of a killed git: the branch is this instance's alone.
    (_common(source) / f"{full}.lock").unlink(missing_ok=True)
    tip = git(source, "rev-parse", "--verify", "--quiet", full, check=False)
    if not tip or (ref and tip != start):
        if tip and not git(source, "branch", "--list", branch, "--merged", start):
            raise WrongUse(
                f"branch {branch} in {source} has commits of its own, that are not in {ref}",
                hint=f"git branch -m {branch} KEPT, then create it again",
            )
        git(source, "update-ref", full, start)
    git(source, "worktree", "add", "--quiet", str(target), branch)


def listed(source: Path) -> set[str]:
    """The folders of the repository's worktrees, as git knows them."""
    lines = git(source, "worktree", "list", "--porcelain").splitlines()
    return {line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")}


def unsaved(instance: Instance, repositories: Mapping[str, Repository]) -> list[str]:
    """What a removal would lose: changed and new files, and commits that no branch holds."""
    found: list[str] = []
    known = places(instance.home.root, repositories)
    for name, path in known.items():
        source, target = instance.home.root / path, instance.tree / path
        if not target.is_dir() or not any(target.iterdir()) or is_half_made(source, target):
            continue
        if not is_worktree(source, target):
            found.append(f"{name}: whatever is in {target}, which is no worktree any more")
            continue
        own = {f"?? {other.relative_to(path)}/" for other in known.values() if _is_below(other, path)}
        lines = git(target, "status", "--porcelain", "--untracked-files=normal").splitlines()
        found += [f"{name}: {line[2:].strip()}" for line in lines if line not in {*own, "?? .env"}]
        if not git(target, "for-each-ref", "--count=1", "--contains", "HEAD"):
            found.append(f"{name}: commit {git(target, 'rev-parse', '--short', 'HEAD')}, on no branch")
    return found


def _is_below(path: Path, other: Path) -> bool:
    return path != other and path.is_relative_to(other)


def drop(instance: Instance, repositories: Mapping[str, Repository]) -> list[str]:
    """Remove the worktrees, and their branch where all it holds is on another; returns the branches kept.

    The tree is renamed first, at once: nobody works in it any more, and a killed call is ended by the next.
    """
    kept: list[str] = []
    root = instance.home.root
    sweep(instance)
    if instance.tree.exists():
        instance.tree.rename(instance.doomed)
    for name, path in reversed(places(root, repositories).items()):
        source, target = root / path, instance.tree / path
        if str(target) in listed(source):
            git(source, "worktree", "remove", "--force", "--force", str(target))
        if not git(source, "rev-parse", "--verify", "--quiet", f"refs/heads/{instance.branch}", check=False):
            continue
        holders = git(source, "for-each-ref", "--format=%(refname)", "--contains", instance.branch).split()
        if set(holders) - {f"refs/heads/{instance.branch}"}:
            git(source, "branch", "--quiet", "-D", instance.branch)
        else:
            kept.append(f"{name}: {instance.branch}")
    sweep(instance)
    return kept


def left(instance: Instance, repositories: Mapping[str, Repository]) -> list[str]:
    """What is still there of the worktrees, on the disk or in a repository's books."""
    root = instance.home.root
    known = [instance.tree / path for path in places(root, repositories).values()]
    booked = {entry for path in places(root, repositories).values() for entry in listed(root / path)}
    return [str(target) for target in known if target.exists() or str(target) in booked]


def sweep(instance: Instance) -> None:
    """Delete what a removal has put aside."""
    if instance.doomed.exists():
        shutil.rmtree(instance.doomed)
