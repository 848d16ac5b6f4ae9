"""An instance as one file: commits, uncommitted work, database and settings; and an instance made from that.

Must not hold a secret, change the instance that it is taken of, or write over another one.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools import environment
from devtools.errors import Blocked, DevtoolsError, WrongUse
from devtools.instances import dump, life, server, trees
from devtools.instances.calls import git
from devtools.instances.place import Instance, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devtools.manifest.model import Database
    from devtools.workspace import Workspace

FORMAT = 1
MANIFEST = "snapshot.json"
DATABASE = "database.dump"
HIDDEN = "***"
_SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|DSN", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
_ID = re.compile(r"\.|[A-Za-z0-9][A-Za-z0-9._-]*")


def take(home: Workspace, name: str, target: Path, *, with_database: bool = True) -> dict[str, Any]:
    """Write the snapshot; returns its manifest. The instance may run meanwhile. Raises DevtoolsError."""
    instance = life.there(home, name)
    overlay = life.overlay_of(home)
    is_ours = overlay.database is not None and server.is_shared(home, overlay)
    if overlay.database is not None and with_database and not is_ours:
        raise Blocked(
            "the home uses a server from outside, so the instance's data cannot be taken",
            hint="--no-database, and pg_dump for the data; or unset DATABASE_URL",
        )
    with life.alone(instance), tempfile.TemporaryDirectory(prefix="snapshot.", dir=instance.folder) as place:
        folder = Path(place)
        known = trees.places(home.root, overlay.repositories)
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "name": name,
            "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "devtools": version("devtools"),
            "repositories": {
                id_: _repository(instance.tree / path, list(known.values()), path, folder / _file_name(id_))
                for id_, path in known.items()
            },
            "environment": hidden(environment.read_env_file(instance.tree / ".env", required=False)),
            "database": None,
        }
        if overlay.database is not None and is_ours and with_database:
            server.wake(home, overlay.database)
            dump.write(instance, folder / DATABASE)
            manifest["database"] = {"file": DATABASE, "server": dump.server_version(home)}
        files = sorted(entry for entry in folder.iterdir() if entry.stat().st_size)
        manifest["sha256"] = {entry.name: _digest(entry) for entry in files}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        _pack(target, [folder / MANIFEST, *files])
    return manifest


def _file_name(id_: str) -> str:
    return "home" if id_ == "." else f"repository-{id_}"


def _repository(tree: Path, known: list[Path], path: Path, stem: Path) -> dict[str, Any]:
    """What makes this worktree again: its commit, what of it is nowhere else, and what is not committed."""
    if git(tree, "ls-files", "--unmerged"):
        raise Blocked(f"{tree} is in the middle of a merge", hint="end it, or `git merge --abort` there")
    head = git(tree, "rev-parse", "HEAD")
    unpublished = git(tree, "rev-list", "--count", "HEAD", "--not", "--remotes")
    if unpublished != "0":
        git(tree, "bundle", "create", "--quiet", f"{stem}.bundle", "HEAD", "--not", "--remotes")
    whole = content(tree, known, path)
    git(tree, "diff", "--binary", "--full-index", f"--output={stem}.patch", "HEAD", whole)
    git(tree, "diff", "--binary", "--full-index", f"--output={stem}.staged.patch", "--cached", "HEAD")
    origin = git(tree, "remote", "get-url", "origin", check=False)
    return {
        "path": str(path),
        "sha": head,
        "tree": whole,
        "branch": git(tree, "branch", "--show-current"),
        "origin": _LOGIN.sub(f"{HIDDEN}@", origin),
        "unpublished_commits": int(unpublished),
    }


def content(tree: Path, known: list[Path], path: Path) -> str:
    """The hash of all that is in a worktree and not ignored, by an index of its own: nothing is touched."""
    inner = [other.relative_to(path) for other in known if other != path and other.is_relative_to(path)]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        git(tree, "read-tree", "HEAD", index=index)
        git(tree, "add", "--all", index=index)
        for other in inner:  # a repository in the repository is told of by itself
            git(tree, "reset", "--quiet", "--", str(other), index=index)
        return git(tree, "write-tree", index=index)


def hidden(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings without secrets, by name and in URLs, and without those of a home's own database."""
    return {
        name: HIDDEN if _SECRET.search(name) else _LOGIN.sub(f"{HIDDEN}@", value)
        for name, value in sorted(settings.items())
        if not server.is_of_a_home(name)
    }


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pack(target: Path, files: list[Path]) -> None:
    fresh = target.with_name(f".{target.name}.new")
    try:
        with tarfile.open(fresh, "w:gz", compresslevel=1) as archive:
            for file in files:
                archive.add(file, arcname=file.name)
        fresh.chmod(0o600)
        fresh.replace(target)
    except OSError as fault:
        raise DevtoolsError(
            f"{target}: {fault.strerror}", hint="is the folder there, and the disk not full?"
        ) from None
    finally:
        fresh.unlink(missing_ok=True)


def restore(
    home: Workspace, file: Path, name: str, *, say: Callable[[str], None]
) -> tuple[Instance, list[str]]:
    """The instance of a snapshot, and the settings to be given by hand, since they were secret.

    A call that was cut off is ended by the next one. Raises DevtoolsError with what to do.
    """
    with tempfile.TemporaryDirectory(prefix="restore.") as place:
        folder = Path(place)
        manifest = _unpack(file, folder)
        instance = named(home, name or str(manifest["name"]))
        identity = _digest(folder / MANIFEST)
        if instance.folder.exists() and instance.record.get("snapshot") != identity:
            raise Blocked(
                f"there is an instance {instance.name}", hint="restore --name ANOTHER, or remove it"
            )
        overlay = life.overlay_of(home)
        has_database = manifest["database"] is not None
        if has_database and not server.is_shared(home, overlay):
            raise Blocked(
                "the snapshot has a database, and this home no server of its own to put it in",
                hint="unset DATABASE_URL, then restore again",
            )
        known = trees.places(home.root, overlay.repositories)
        refs = {
            id_: _bring(home.root, known, id_, facts, folder / f"{_file_name(id_)}.bundle")
            for id_, facts in manifest["repositories"].items()
        }
        instance.remember(snapshot=identity)

        def fill(instance: Instance, spec: Database) -> str:
            if not instance.record.get("filled"):
                dump.read(instance, spec, folder / DATABASE)
                instance.remember(filled=True)
            return instance.database

        life.create(home, instance.name, refs, say=say, fill=fill if has_database else None)
        with life.alone(instance):
            for id_, facts in manifest["repositories"].items():
                _work(instance, list(known.values()), known[id_], facts, folder / _file_name(id_))
            wanted: dict[str, str] = manifest["environment"]
            given = {setting: value for setting, value in wanted.items() if HIDDEN not in value}
            server.write_env(instance, given)
    return instance, sorted(set(wanted) - set(given))


def _unpack(file: Path, folder: Path) -> dict[str, Any]:
    """The manifest, once every file in the snapshot is what the manifest says; names lead nowhere else."""
    try:
        with tarfile.open(file) as archive:
            for member in archive.getmembers():
                if not member.isfile() or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", member.name):
                    raise WrongUse(f"{file} holds {member.name}, which is in no snapshot")
                source = archive.extractfile(member)
                assert source is not None  # of a file there is one
                # Not `extract`: its filters came with Python 3.11.4, and name and kind are checked.
                with source, (folder / member.name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        known = manifest["format"]
        digests: dict[str, str] = manifest["sha256"]
        ids = list(manifest["repositories"])
    except (OSError, tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as fault:
        raise WrongUse(
            f"{file} is no snapshot: {fault}", hint="devtools instance snapshot NAME --to FILE"
        ) from None
    if known != FORMAT:
        raise WrongUse(f"{file} has the format {known}, not {FORMAT}", hint="use the devtools that made it")
    for name, digest in digests.items():
        if not (folder / name).is_file() or _digest(folder / name) != digest:
            raise WrongUse(f"{file}: {name} is not what was written", hint="take the snapshot again")
    if not all(_ID.fullmatch(id_) for id_ in ids):
        raise WrongUse(f"{file} names a repository that cannot be one")
    return manifest


def _bring(root: Path, known: Mapping[str, Path], id_: str, facts: Mapping[str, Any], bundle: Path) -> str:
    """The commit, fetched from the bundle or from origin where it is missing."""
    sha = str(facts["sha"])
    if id_ not in known or not re.fullmatch(r"[0-9a-f]{40,64}", sha):
        raise WrongUse(
            f"the snapshot has a repository {id_}, this workspace has not", hint="devtools repos clone"
        )
    source = root / known[id_]
    ways = [(str(bundle), "HEAD"), ("origin", sha), ("origin",), (str(bundle), "HEAD")]
    for way in ways:
        if git(source, "cat-file", "-t", f"{sha}^{{commit}}", check=False):
            return sha
        if way[0] == "origin" or bundle.exists():
            git(source, "fetch", "--quiet", "--no-write-fetch-head", *way, check=False)
    if not git(source, "cat-file", "-t", f"{sha}^{{commit}}", check=False):
        raise WrongUse(
            f"{id_} has no commit {sha[:12]}, and origin does not give it", hint=f"git -C {source} fetch"
        )
    return sha


def _work(instance: Instance, known: list[Path], path: Path, facts: Mapping[str, Any], stem: Path) -> None:
    """Bring back what was not committed, and prove it by the hash of the whole tree."""
    tree = instance.tree / path
    patch, staged = stem.with_name(f"{stem.name}.patch"), stem.with_name(f"{stem.name}.staged.patch")
    now = content(tree, known, path)
    if now != facts["tree"] and now == git(tree, "rev-parse", "HEAD^{tree}") and patch.exists():
        git(tree, "apply", "--binary", "--whitespace=nowarn", str(patch))
        now = content(tree, known, path)
    if now != facts["tree"]:
        raise DevtoolsError(
            f"{tree} is neither as it was committed nor as it was in the snapshot",
            hint=f"devtools instance remove {instance.name} --force, then restore again",
        )
    if staged.exists() and not git(tree, "diff", "--cached", "--name-only"):
        git(tree, "apply", "--cached", "--binary", "--whitespace=nowarn", str(staged))
