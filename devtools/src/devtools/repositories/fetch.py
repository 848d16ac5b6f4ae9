"""Brings repositories that are missing: aside first, then renamed, several at once.

Must not import anything outside the standard library (`repos split` copies this file beside `dev`, which runs
it before any install), and must never touch a folder that holds anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import unquote, urlsplit, urlunsplit

PARALLEL = 8
held: set[int] = set()  # locks that git holds as well: what a killed call started counts until it has ended
_groups: set[int] = set()
CLONE_DEADLINE_S = 900
LEAN = ("--filter=blob:none",)
HELPER = '!f() { echo "username=$FETCH_USER"; echo "password=$FETCH_PASSWORD"; }; f'
# A remote that says nothing for a minute is given up, and nothing ever asks a question.
PATIENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_HTTP_LOW_SPEED_LIMIT": "1",
    "GIT_HTTP_LOW_SPEED_TIME": "60",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=20",
}
MARK = "devtools-cloned"  # what `trust` reads in .git, where no commit can put it or take it away
OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True)
class Source:
    """Where one repository lies in the workspace, and where it comes from."""

    id: str
    path: str
    url: str
    ref: str | None = None


class FetchError(Exception):
    """A repository that cannot be brought: what is wrong, never with a credential in it."""


def read(text: str) -> list[Source]:
    """The `repositories` of a workspace.yaml, a line or a block each; FetchError for other forms."""
    block = re.search(r"^repositories:[^\S\n]*\n((?:[ #].*\n|\n)*)", text + "\n", re.MULTILINE)
    found: dict[str, dict[str, str]] = {}
    name = ""
    for line in block[1].splitlines() if block else []:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if head := re.fullmatch(r"  ([\w.-]+):\s*(?:\{(.*)\})?\s*(?:#.*)?", line):
            name = head[1]
            found[name] = dict(map(_pair, head[2].split(","))) if head[2] else {}
        elif line.startswith("    ") and name:
            key, value = _pair(line.split(" #")[0])
            found[name][key] = value
        else:
            raise FetchError(
                f"workspace.yaml: `{line.strip()}` is not read before the install; write it in one line"
            )
    return [
        Source(name, keys.get("path", name), keys["url"], keys.get("ref"))
        for name, keys in found.items()
        if keys.get("url")
    ]


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition(":")
    return key.strip(), value.strip().strip("\"'")


def missing(root: Path, sources: Sequence[Source]) -> list[Source]:
    """Those whose folder is not there or empty."""
    return [source for source in sources if not _is_filled(root / source.path)]


def fetch(
    root: Path,
    sources: Sequence[Source],
    environment: Mapping[str, str],
    say: Callable[[str], None],
    options: Sequence[str] = (),
) -> list[str]:
    """Clone what is missing, side by side; the ids of what came. FetchError names every failure."""
    wanted = missing(root, sources)

    def one(source: Source) -> str | None:
        try:
            _clone(root, source, environment, options)
        except FetchError as fault:
            return f"{source.id}: {fault}"
        except OSError as fault:
            return f"{source.id}: {fault.strerror}: {fault.filename}"
        say(f"{source.id} is here ({source.path})")
        return None

    if wanted:
        say(f"brings {', '.join(source.id for source in wanted)}")
    with ThreadPoolExecutor(PARALLEL) as pool:
        try:
            faults = [fault for fault in pool.map(one, wanted) if fault]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            _end_all()
            raise
    if faults:
        raise FetchError("\n".join(faults))
    return [source.id for source in wanted]


def _clone(root: Path, source: Source, environment: Mapping[str, str], options: Sequence[str]) -> None:
    url = address(root, source.url, environment)
    target = root / source.path
    state = root / ".devtools" / "clones"
    state.mkdir(parents=True, exist_ok=True)
    aside = state / source.path.replace("/", "+")
    with Path(f"{aside}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_filled(target):
            return  # another call brought it while this one waited
        shutil.rmtree(aside, ignore_errors=True)  # what a killed call left
        clean, secrets = without_credentials(url)
        held.add(handle.fileno())
        try:
            _bring(clean, aside, options, secrets)
            _check_out(aside, clean, source.ref, secrets)
            note = {"url": clean, "beside": stands_beside(root, clean)}
            (aside / ".git" / MARK).write_text(json.dumps(note))
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.rmdir()  # only ever an empty folder: a filled one was not missing
            aside.rename(target)
        finally:
            held.discard(handle.fileno())
            shutil.rmtree(aside, ignore_errors=True)


def _bring(url: str, aside: Path, options: Sequence[str], secrets: Mapping[str, str]) -> None:
    command = ["git", "clone", "--quiet", "--no-checkout"]
    if options:
        with contextlib.suppress(FetchError):  # a server that cannot do it gives the whole of it instead
            git([*command, *options, "--", url, str(aside)], secrets)
            return
        shutil.rmtree(aside, ignore_errors=True)
    git([*command, "--", url, str(aside)], secrets)


def _check_out(aside: Path, url: str, ref: str | None, secrets: Mapping[str, str]) -> None:
    here = ["git", "-C", str(aside)]
    try:
        git([*here, "checkout", "--quiet", *([ref] if ref else [])], secrets)
    except FetchError as fault:
        if ref and _knows(aside, ref):
            raise  # not for want of the commit: a full disk, or a hook
        try:  # a shallow clone, or a commit that no branch reaches
            git([*here, "fetch", "--quiet", "origin", ref or "HEAD"], secrets)
            git([*here, "checkout", "--quiet", "--detach", "FETCH_HEAD"], secrets)
        except FetchError:
            raise FetchError(
                f"{url} has no `{ref or 'HEAD'}`: {fault}; correct its ref in workspace.yaml"
            ) from None
    if (aside / ".gitmodules").exists():
        git([*here, "submodule", "--quiet", "update", "--init", "--recursive"], secrets)


def _knows(aside: Path, ref: str) -> bool:
    here = ["git", "-C", str(aside), "rev-parse", "--verify", "--quiet"]
    for name in (f"refs/remotes/origin/{ref}", ref):
        with contextlib.suppress(FetchError):
            return bool(git([*here, f"{name}^{{commit}}"], {}))
    return False


def address(root: Path, url: str, environment: Mapping[str, str]) -> str:
    """The URL with variables filled in; `../x.git` stands beside the origin of the repository at `root`."""
    try:
        full = Template(url).substitute(environment)
    except KeyError as fault:
        raise FetchError(f"its url {url} needs {fault.args[0]}; set it") from None
    except ValueError:
        raise FetchError(f"its url {url} is malformed; write a literal $ as $$") from None
    if not full.startswith("../"):
        return full
    base = _own_remote(root)
    if not base:
        raise FetchError(
            f"its url {url} stands beside a remote of {root}, which has none; git remote add origin URL"
        )
    while full.startswith("../"):
        base, full = _parent(base), full[3:]
    return f"{base}/{full}"


def stands_beside(root: Path, url: str) -> bool:
    """True where the URL lies in the place that the workspace itself was cloned from.

    Whoever can write there can write the workspace's own commands, which the user runs by running `up`.
    """
    own = without_credentials(_own_remote(root))[0]
    return bool(own) and _parent(own) == _parent(url)


def _own_remote(root: Path) -> str:
    """The URL of origin, else of the first remote; empty where there is none."""
    asked = subprocess.run(
        ["git", "-C", str(root), "config", "--get-regexp", r"^remote\..*\.url$"],
        capture_output=True,
        text=True,
    )
    lines = sorted(asked.stdout.splitlines(), key=lambda line: not line.startswith("remote.origin."))
    return lines[0].split(" ", 1)[1].rstrip("/") if lines else ""


def _parent(url: str) -> str:
    return re.sub(r"[/:][^/:]*$", "", url.rstrip("/"))


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The URL without name and password, and what git must be given in its environment instead of them."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return url, {}
    person, _, host = parts.netloc.rpartition("@")
    user, _, password = person.partition(":")
    secrets = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": HELPER,
        "FETCH_USER": unquote(user),
        "FETCH_PASSWORD": unquote(password),
    }
    return urlunsplit(parts._replace(netloc=host)), secrets


def git(command: Sequence[str], secrets: Mapping[str, str], deadline_s: float = CLONE_DEADLINE_S) -> str:
    """What git printed. Raises FetchError; after the deadline git and all it started are killed."""
    own = {name: value for name, value in os.environ.items() if name not in OF_A_HOOK}
    environment = {**PATIENT, **own, "LC_ALL": "C", **secrets}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        pass_fds=tuple(held),
    )
    _groups.add(process.pid)
    try:
        out, err = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        raise FetchError(f"git did not end within {deadline_s:.0f} s; is its remote reachable?") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        _groups.discard(process.pid)
    if process.returncode:
        raise FetchError(_why(process.returncode, _redacted(err.strip(), secrets)))
    return out


def _why(status: int, told: str) -> str:
    """What git said, and what to do where the disk or a limit was in its way."""
    if status == -signal.SIGXFSZ:
        return "git may not write so large a file (ulimit -f); raise the limit and call again"
    if "No space left on device" in told:
        return f"{told}\nthe disk is full: free some space and call again, nothing half-done stays"
    return told or f"git ended with {status}"


def _end_all() -> None:
    for group in tuple(_groups):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _redacted(text: str, secrets: Mapping[str, str]) -> str:
    if password := secrets.get("FETCH_PASSWORD"):
        text = text.replace(password, "***")
    return re.sub(r"(://)[^/\s@]+@", r"\1***@", text)


def _is_filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _say(text: str) -> None:
    sys.stderr.write(f"dev: {text}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    """`fetch.py ROOT`. Exit status: 0 all is here, 1 something could not be brought, 130 interrupted."""
    root = Path(arguments[0])
    try:
        fetch(root, read((root / "workspace.yaml").read_text()), os.environ, _say)
    except FetchError as fault:
        _say(str(fault))
        return 1
    except KeyboardInterrupt:
        _say("interrupted; the next ./dev goes on with what is missing")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
