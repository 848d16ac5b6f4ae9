"""Publishes each part of a single checkout as a repository with its history, and the rest without them.

It must not change the checkout, its branches or its index: all work is done in a clone aside.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from devtools import trust
from devtools.errors import DevtoolsError, WrongUse
from devtools.repositories import fetch
from devtools.repositories.fetch import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devtools.manifest.model import Repository

ORCHESTRATOR = "workspace"
BEFORE_THE_INSTALL = (fetch.__file__, trust.__file__)
PLACE = ".workspace"
BRANCH = "main"
AUTHOR = ("-c", "user.name=devtools", "-c", "user.email=devtools@localhost")


def split(
    root: Path,
    repositories: Mapping[str, Repository],
    to: Path,
    base_url: str | None,
    say: Callable[[str], None],
) -> dict[str, str]:
    """The head of every published repository by name. Raises DevtoolsError; a call after it goes on."""
    _check(root, repositories, to)
    to.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".split.", dir=to))
    try:
        return _Split(root, repositories, to, base_url, scratch).publish(say)
    except FetchError as fault:
        raise DevtoolsError(str(fault), hint="nothing here was changed; the next split goes on") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check(root: Path, repositories: Mapping[str, Repository], to: Path) -> None:
    if not (root / ".git").exists():
        raise WrongUse(f"{root} is not a git repository", hint="git init, and commit the workspace")
    if not repositories:
        raise WrongUse("workspace.yaml names no repositories", hint="add `repositories: {NAME: {path: …}}`")
    if to.resolve() == root or root in to.resolve().parents:
        raise WrongUse(f"{to} lies inside of the workspace", hint="choose a folder elsewhere")
    for item in repositories.values():
        if (root / item.path / ".git").exists():
            raise WrongUse(
                f"{item.id} already is a repository of its own", hint="only a single checkout is split"
            )


class _Split:
    """One split; everything happens in `scratch` until a result is pushed."""

    def __init__(
        self,
        root: Path,
        repositories: Mapping[str, Repository],
        to: Path,
        base_url: str | None,
        scratch: Path,
    ) -> None:
        self.root = root
        self.repositories = repositories
        self.to = to
        self.base = base_url.rstrip("/") if base_url else ".."
        self.scratch = scratch / "work"

    def publish(self, say: Callable[[str], None]) -> dict[str, str]:
        fetch.git(
            ["git", "clone", "--quiet", "--shared", "--no-checkout", str(self.root), str(self.scratch)], {}
        )
        if fetch.git(["git", "-C", str(self.root), "status", "--porcelain"], {}).strip():
            say("what is not committed here is not published")

        def one(item: Repository) -> tuple[str, str]:
            head = self._history_of(item)
            self._push(item.id, head, item.ref or BRANCH)
            say(f"{item.id}: {self._git('rev-list', '--count', head)} commits, {head[:12]}")
            return item.id, head

        with ThreadPoolExecutor(4) as pool:
            heads = dict(pool.map(one, self.repositories.values()))
        heads[ORCHESTRATOR] = self._orchestrator()
        say(f"{ORCHESTRATOR}: {self._git('rev-list', '--count', heads[ORCHESTRATOR])} commits")
        return heads

    def _git(self, *arguments: str) -> str:
        return fetch.git(["git", "-C", str(self.scratch), *arguments], {}).strip()

    def _history_of(self, item: Repository) -> str:
        (self.scratch / item.path).mkdir(parents=True, exist_ok=True)  # git subtree asks for the folder only
        head = self._git("subtree", "-q", "split", f"--prefix={item.path}", "HEAD").splitlines()
        if not head:
            raise FetchError(f"{item.id}: no commit touches {item.path}")
        return head[-1]

    def _push(self, name: str, head: str, branch: str) -> None:
        target = self.to / f"{name}.git"
        place = target
        if not target.exists():
            place = self.scratch.parent / f"{name}.git"
            fetch.git(["git", "init", "--quiet", "--bare", f"--initial-branch={branch}", str(place)], {})
        try:
            self._git("push", "--quiet", str(place), f"{head}:refs/heads/{branch}")
        except FetchError as fault:
            raise FetchError(f"{target} has commits that this split does not know: {fault}") from None
        if place != target:
            place.rename(target)

    def _orchestrator(self) -> str:
        """The history of all that is in no part, and one commit that says where the parts are."""
        outside = [f":(exclude){item.path}" for item in self.repositories.values()]
        self._git("branch", "--force", "devtools-split", "HEAD")
        export = [
            "git",
            "-C",
            str(self.scratch),
            "fast-export",
            "--reencode=yes",
            "devtools-split",
            "--",
            ".",
            *outside,
        ]
        _pipe(export, ["git", "-C", str(self._empty()), "fast-import", "--quiet", "--force"])
        self._git("fetch", "--quiet", str(self._empty()), "+devtools-split:orchestrator")
        parents = [self._git("rev-parse", "orchestrator")]
        tree = self._with_parts(parents[0])
        published = self.to / f"{ORCHESTRATOR}.git"
        if published.exists():
            self._git("fetch", "--quiet", str(published), f"+{BRANCH}:published")
            earlier = self._git("rev-parse", "published")
            if self._git("rev-parse", f"{earlier}^{{tree}}") == tree:
                return earlier
            parents.insert(0, earlier)
        links = [part for parent in parents for part in ("-p", parent)]
        message = "The parts are repositories of their own; ./dev brings them"
        head = self._git(*AUTHOR, "commit-tree", tree, *links, "-m", message)
        self._push(ORCHESTRATOR, head, BRANCH)
        return head

    def _empty(self) -> Path:
        place = self.scratch.parent / "history.git"
        if not place.exists():
            fetch.git(["git", "init", "--quiet", "--bare", str(place)], {})
        return place

    def _with_parts(self, commit: str) -> str:
        """The tree of `commit` with workspace.yaml, .gitignore and what `dev` brings the parts with."""
        folder = self.scratch.parent / "tree"
        self._git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        overlay = folder / "workspace.yaml"
        overlay.write_text(with_sources(overlay.read_text(), self.repositories, self.base))
        ignore = folder / ".gitignore"
        lines = [f"/{item.path}/" for item in self.repositories.values()]
        ignore.write_text((ignore.read_text() if ignore.exists() else "") + "\n".join(lines) + "\n")
        (folder / PLACE).mkdir(exist_ok=True)
        for file in BEFORE_THE_INSTALL:
            shutil.copyfile(file, folder / PLACE / Path(file).name)
        fetch.git(["git", "-C", str(folder), "add", "--all"], {})
        return fetch.git(["git", "-C", str(folder), "write-tree"], {}).strip()


def with_sources(text: str, repositories: Mapping[str, Repository], base: str) -> str:
    """`text` of a workspace.yaml with the block `repositories` written anew, one line each."""
    lines = ["repositories:"]
    for item in repositories.values():
        group = f", group: {item.group}" if item.group else ""
        test = f", test: {json.dumps(item.test)}" if item.test else ""
        url = json.dumps(f"{base}/{item.id}.git")
        lines.append(
            f"  {item.id}: {{path: {item.path}, url: {url}, ref: {item.ref or BRANCH}{group}{test}}}"
        )
    block = "\n".join(lines) + "\n\n"
    return (
        re.sub(r"^repositories:.*\n(?: .*\n|\n)*", lambda _: block, text + "\n", flags=re.MULTILINE).rstrip()
        + "\n"
    )


def _pipe(source: list[str], sink: list[str]) -> None:
    with subprocess.Popen(source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        done = subprocess.run(sink, stdin=first.stdout, capture_output=True, text=True)
    if first.returncode or done.returncode:
        raise FetchError(f"the orchestrator's history could not be written: {done.stderr.strip()}")
