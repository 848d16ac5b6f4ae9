"""Agreement to the commands of repositories that devtools cloned: shown, asked once, kept by their hashes.

Must not import anything outside the standard library (`repos split` copies this file beside `dev`, which runs
it before any install), must not run anything of a repository, and never asks off a terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

MARK = "devtools-cloned"  # in .git, where no commit can put it or take it away; `fetch` writes it
SCRIPTS = (".sh", ".bash", ".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl")
BUILD_FILES = ("setup.py", "setup.cfg", "hatch_build.py", "Makefile", "GNUmakefile", "justfile", "Procfile")
BUILD_TOOLS = ("hatch", "setuptools", "poetry", "pdm", "flit", "scikit-build", "maturin", "uv")
CALLERS = ("automations.*", ".ona/automations.*", ".gitpod/automations.*", "workspace.yaml")
INSTANCES = (".devtools", "instances")


class NotAgreed(Exception):
    """Commands that nobody has agreed to: which they are, and whose."""


@dataclass(frozen=True)
class Command:
    """One thing that a repository would have run: how it is shown, and all that decides what it does."""

    text: str
    content: str = ""
    remark: str = ""

    @property
    def digest(self) -> str:
        """Changes with what would be run."""
        return _sha256(f"{self.text}\0{self.content}".encode(errors="surrogateescape"))


@dataclass(frozen=True)
class Brought:
    """A repository that devtools cloned from `url`, and the commands that it brings."""

    name: str
    url: str
    commands: Sequence[Command]


def parts(root: Path, paths: Iterable[str]) -> list[Brought]:
    """Those of the workspace's repositories that are to be agreed to. An instance's are those of its home."""
    home = _home_of(root)
    marked = {path: url for path in paths if (url := _marked(home / path))}
    return [Brought(path, url, commands_of(home / path, home, path)) for path, url in marked.items()]


def around(root: Path) -> tuple[Path, str] | None:
    """The cloned repository that the workspace itself lies in, and its URL; None where that is the user's."""
    home = _home_of(root)
    for folder in (home, *home.parents):
        if url := _marked(folder):
            return folder, url
    return None


def commands_of(folder: Path, home: Path, path: str = "") -> list[Command]:
    """What an install, and the files of the workspace `home`, have run of the repository at its `path`."""
    found = [*_python(folder), *_package_scripts(folder)]
    files = {folder / name: name for name in BUILD_FILES if (folder / name).is_file()}
    files |= _called(folder, path, _callers(home))
    return [*found, *(_file(file, shown) for file, shown in sorted(files.items()))]


def agree(brought: Sequence[Brought], *, trusted: bool, say: Callable[[str], object]) -> None:
    """Return once every command is agreed to: earlier, by `trusted`, or now by a person at a terminal.

    Raises NotAgreed, whose text is one line. KeyboardInterrupt is the caller's.
    """
    new = unknown(brought)
    can_ask = sys.stdin.isatty() and sys.stderr.isatty()
    if new and not trusted and not (can_ask and _ask(new, sys.stderr)):
        raise NotAgreed("; ".join(one_line(item) for item in new))
    for item in new:
        if trusted:
            say(f"agreed to by --trust: {len(item.commands)} commands of {item.name} ({_plain(item.url)})")
        try:
            _keep(item)
        except OSError as fault:
            say(f"the agreement cannot be kept, so it is asked for again: {fault.strerror}: {fault.filename}")


def unknown(brought: Sequence[Brought]) -> list[Brought]:
    """The repositories with commands that nobody has agreed to yet, with these commands only."""
    return [item for item in map(_unknown, brought) if item.commands]


def one_line(item: Brought) -> str:
    """Whose commands they are and which, as a message without a terminal."""
    told = ", ".join(f"`{_plain(' ⏎ '.join(command.text.splitlines()))}`" for command in item.commands)
    whose = f"{_plain(item.name)} was cloned from {_plain(item.url)}"
    return f"{whose}, and nobody has agreed to its commands {told}"


def _ask(new: Sequence[Brought], terminal: TextIO) -> bool:
    with suppress(ImportError, OSError):
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before the question is no answer to it
    for item in new:
        terminal.write(f"{_plain(item.name)} was cloned from {_plain(item.url)} and brings these commands:\n")
        for command in item.commands:
            first, *rest = [*command.text.splitlines(), *([f"({command.remark})"] if command.remark else [])]
            terminal.write(f"  {_plain(first)}\n" + "".join(f"    {_plain(line)}\n" for line in rest))
    terminal.write("Run them, here and wherever else they are the same? [y/N] ")
    terminal.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        terminal.write("\n")
    return answer.strip().lower() in ("y", "yes")


def _plain(text: str) -> str:
    """Text that can neither move the cursor nor turn the direction of what is read."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


# What was agreed to: one file for each answer below the user's own state, so that two calls never race.


def _store(url: str) -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path("~/.local/state").expanduser()
    return base / "devtools" / "trust" / _sha256(url.encode())[:32]


def _unknown(item: Brought) -> Brought:
    known: set[str] = set()
    for file in _store(item.url).glob("*.json"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads(file.read_bytes())
            if kept["repository"] == item.url:
                known.update(kept["commands"])
    left = [command for command in item.commands if command.digest not in known]
    return Brought(item.name, item.url, left)


def _keep(item: Brought) -> None:
    folder = _store(item.url)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    commands = {command.digest: command.text for command in item.commands}
    name = _sha256("".join(sorted(commands)).encode())[:16]
    aside = folder / f".{name}.{os.getpid()}"
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        json.dump({"repository": item.url, "at": at, "commands": commands}, stream, indent=1)
    aside.replace(folder / f"{name}.json")


# Which repositories are asked about, by what `fetch` noted in their .git.


def _marked(folder: Path) -> str:
    """The URL of the repository that devtools cloned into this folder; empty where nothing is to be asked."""
    common = _common_dir(folder)
    with suppress(OSError, ValueError, AttributeError):
        note: dict[str, Any] = json.loads((common / MARK).read_bytes()) if common else {}
        return "" if note.get("beside") else str(note.get("url", ""))
    return ""


def _common_dir(folder: Path) -> Path | None:
    """The .git that a checkout or a worktree belongs to."""
    place = folder / ".git"
    if place.is_dir():
        return place
    with suppress(OSError):
        gitdir = folder / place.read_text().removeprefix("gitdir:").strip()
        return (gitdir / (gitdir / "commondir").read_text().strip()).resolve()
    return None


def _home_of(root: Path) -> Path:
    """The workspace whose agreement counts: an instance's home, as git says, not a committed file."""
    common = _common_dir(root) if (root / ".git").is_file() else None
    if common is not None and common.parent.joinpath(*INSTANCES) in root.parents:
        return common.parent
    return root


# What a repository has run: its build, the programs of its install, and files that the workspace names.


def _python(folder: Path) -> list[Command]:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return []
    import tomllib

    try:
        told = tomllib.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return [_file(file, file.name)]
    build, project, tools = _table(told, "build-system"), _table(told, "project"), _table(told, "tool")
    backend = str(build.get("build-backend", "setuptools.build_meta:__legacy__"))
    needs = ", ".join(_texts(build.get("requires", ["setuptools"])))
    decides: list[Any] = [build, {name: tools[name] for name in BUILD_TOOLS if name in tools}]
    for place in _texts(build.get("backend-path")):
        if ".." not in place and not place.startswith("/"):  # installers refuse what lies outside, too
            decides += [_hash(source) for source in sorted((folder / place).rglob("*.py"))]
    found = [Command(f"builds with {backend} ({needs})", json.dumps(decides, sort_keys=True, default=str))]
    plugins = _table(project, "entry-points")
    groups = {f"plug-in of {group}": _table(plugins, group) for group in plugins}
    groups |= {"program": _table(project, "scripts"), "program of a window": _table(project, "gui-scripts")}
    return found + [
        Command(f"{kind} {name} = {target}")
        for kind, targets in groups.items()
        for name, target in targets.items()
    ]


def _package_scripts(folder: Path) -> list[Command]:
    try:
        told = json.loads((folder / "package.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    scripts = _table(told, "scripts")
    return [Command(f"package script {name}: {script}") for name, script in scripts.items()]


def _called(folder: Path, path: str, calls: str) -> dict[Path, str]:
    """The repository's files that the workspace's commands name, as `path/x`, or as `./x` after `cd path`."""
    found: dict[Path, str] = {}
    if path not in calls:
        return found
    for word in set(re.findall(r"[\w.+@/-]+", calls)):
        before, is_named, after = word.partition(f"{path}/") if path else ("", "", word)
        is_named = is_named and (not before or before.endswith("/"))
        name = after if is_named else word.removeprefix("./")
        file = folder / name
        if file.is_file() and (is_named or os.access(file, os.X_OK) or file.suffix in SCRIPTS):
            found[file] = name
    return found


def _callers(root: Path) -> str:
    texts: list[str] = []
    for file in (file for pattern in CALLERS for file in sorted(root.glob(pattern))):
        with suppress(OSError):
            texts.append(file.read_text(errors="replace"))
    return "\n".join(texts)


def _file(file: Path, shown: str) -> Command:
    return Command(f"file {shown}", _hash(file))


def _hash(file: Path) -> str:
    try:
        return _sha256(file.read_bytes())
    except OSError as fault:
        return f"unreadable: {fault.errno}"


def _sha256(content: bytes) -> str:
    import hashlib  # with OpenSSL behind it: an `up` that cloned nothing need not wait for that

    return hashlib.sha256(content).hexdigest()


def _table(value: object, name: str) -> dict[str, Any]:
    found = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _texts(value: object) -> list[str]:
    return [str(item) for item in cast("list[object]", value)] if isinstance(value, list) else []


def main(arguments: Sequence[str]) -> int:
    """`trust.py ROOT WORD…`, the words of `dev`. Exit status: 0 agreed, 2 not agreed, 130 interrupted."""

    def say(text: str) -> None:
        sys.stderr.write(f"dev: {text}\n")

    root, words = Path(arguments[0]), list(arguments[1:])
    words = words[: words.index("--")] if "--" in words else words
    installed = sorted(file.parent.name for file in root.glob("*/pyproject.toml"))
    try:
        agree(parts(root, installed), trusted="--trust" in words, say=say)
    except NotAgreed as fault:
        say(str(fault))
        sys.stderr.write("hint: `./dev install --trust` agrees to them without a question\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
