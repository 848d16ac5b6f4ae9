"""An instance's own `.venv` at no cost: its sources first, then the packages that its home has installed.

Must not be made where the lock or a pyproject differs: there `./dev` installs a whole one.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

NOTE = ".installed"  # what `./dev` compares; see that script


def wanted(root: Path) -> bytes:
    """What `./dev` would have installed in this folder."""
    files = [root / "requirements.lock", *sorted(root.glob("*/pyproject.toml"))]
    return b"".join([f"{root}\n".encode(), *(file.read_bytes() for file in files if file.exists())])


def overlay(home: Path, tree: Path) -> bool:
    """Make `tree/.venv` over that of `home`; False where the two would not have the same packages."""
    base, made = home / ".venv", tree / ".venv"
    note = base / NOTE
    if not note.exists() or note.read_bytes() != wanted(home):
        return False
    if wanted(home).partition(b"\n")[2] != wanted(tree).partition(b"\n")[2]:
        return False
    if (made / NOTE).exists() and (made / NOTE).read_bytes() == wanted(tree):
        return True
    shutil.rmtree(made, ignore_errors=True)
    for folder in tree.glob("*/src"):
        _share_bytecode(home / folder.relative_to(tree), folder)
    _build(base, made, sorted(folder for folder in tree.glob("*/src") if folder.is_dir()))
    (made / NOTE).write_bytes(wanted(tree))  # last: a half-made one is made again
    return True


def _build(base: Path, made: Path, sources: list[Path]) -> None:
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(base), "platbase": str(base)}))
    target = made / packages.relative_to(base)
    target.mkdir(parents=True)
    (made / ".gitignore").write_text("*\n")
    shutil.copyfile(base / "pyvenv.cfg", made / "pyvenv.cfg")
    # Searched as it is: the .pth files of the home, which name the home's sources, are not read.
    (target / "_instance.pth").write_text("".join(f"{folder}\n" for folder in [*sources, packages]))
    programs = made / "bin"
    programs.mkdir()
    for program in (base / "bin").iterdir():
        _bring(program, programs / program.name, str(base / "bin"), str(programs))


def _share_bytecode(home: Path, tree: Path) -> None:
    """Give the sources that are the home's, byte by byte, its compiled form: it is bound to their times.

    Linked, for speed; Python never writes into such a file, it puts a new one in its place.
    """
    suffix = f".{sys.implementation.cache_tag}.pyc"
    for known in home.rglob("__pycache__"):
        folder = tree / known.parent.relative_to(home)
        target = folder / known.name
        if not folder.is_dir():
            continue
        target.mkdir(exist_ok=True)
        for name in os.listdir(known):  # noqa: PTH208 (a Path for each of hundreds costs more than the copy)
            source = f"{name.removesuffix(suffix)}.py"
            if name.endswith(suffix) and _made_alike(known.parent / source, folder / source):
                _link(known / name, target / name)


def _made_alike(theirs: Path, ours: Path) -> bool:
    """True where both files say the same; then ours has the time of theirs."""
    try:
        with theirs.open("rb", buffering=0) as first, ours.open("rb", buffering=0) as second:
            about = os.fstat(first.fileno())
            if first.readall() != second.readall():
                return False
    except OSError:
        return False  # not there any more, or not in this tree
    os.utime(ours, ns=(about.st_atime_ns, about.st_mtime_ns))
    return True


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, a file system without links, or there already
        shutil.copyfile(source, target)


def _bring(program: Path, target: Path, before: str, after: str) -> None:
    """A script gets this environment's Python, anything else is linked."""
    if program.is_symlink():
        own = program.readlink()
        target.symlink_to(own if own.is_absolute() or own.parent == Path() else program.resolve())
        return
    with program.open("rb") as stream:
        is_script = stream.read(2) == b"#!"
    if not is_script:
        target.symlink_to(program)
        return
    first, _, rest = program.read_bytes().partition(b"\n")
    if first.startswith(b"#!" + before.encode()):
        # A path may be too long for a first line, so the shell starts Python; to Python it is a string.
        first = b"#!/bin/sh\n'''exec' \"" + after.encode() + b'/python" "$0" "$@"\n\' \'\'\''
    target.write_bytes(first + b"\n" + rest.replace(before.encode(), after.encode()))
    target.chmod(0o755)


def python(tree: Path) -> str:
    """The Python of the tree, else the one that runs now."""
    own = tree / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable
