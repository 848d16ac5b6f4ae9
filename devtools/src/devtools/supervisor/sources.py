"""Which files of a repository its programs are made of, and which of them have other contents than before.

It must not say what follows from that, nor write anything.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from devtools.plan import MIGRATIONS
from devtools.supervisor.patterns import IGNORED, base_of, is_noise, matcher
from devtools.supervisor.reach import below, part_of, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devtools.plan import Plan

SOURCE = "src"
LARGE_BYTES = 4 * 1024 * 1024  # what is larger is known by size and time
_PROSE = (".md", ".rst", ".adoc")
_BESIDE = frozenset(("test", "doc", "docs", "examples", "benchmarks"))  # at the top of a repository
_TESTS = frozenset(("tests", "__tests__", "testdata"))  # anywhere
_TEST_FILE = re.compile(r"(test_.*\.py|.*_test\.(py|go)|conftest\.py|.*\.(test|spec)\.[cm]?[jt]sx?)")


class Known(NamedTuple):
    """A file as it was seen last."""

    stamp: tuple[int, int, int]
    digest: bytes


def usual(folder: Path) -> tuple[str, ...]:
    """Where programs lie by custom: `src` where there is one (and migrations beside it), else everywhere."""
    if not (folder / SOURCE).is_dir():
        return (".",)
    return (SOURCE, MIGRATIONS) if (folder / MIGRATIONS).is_dir() else (SOURCE,)


def is_program(path: str) -> bool:
    """Whether a path of a repository may be read by its programs: no tests, no prose, nothing hidden."""
    folders, name = path.split("/")[:-1], path.rpartition("/")[2]
    if path.endswith(_PROSE) or name.startswith(("LICENSE", ".")) or _TEST_FILE.fullmatch(name):
        return False
    if folders and (folders[0] in _BESIDE or folders[0].startswith(".")):
        return False
    return _TESTS.isdisjoint(folders)


class Sources:
    """The files that count, by repository, with what they held; `look` tells what has changed since."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.root = Path(plan.root)
        self.names = list(told(plan))
        self._patterns: dict[str, re.Pattern[str]] = {}
        self.bases: dict[str, list[str]] = {}
        for name in self.names:
            part = plan.parts[name]
            chosen = part.sources or usual(self.root / part.path)
            self._patterns[name] = matcher(chosen)
            self.bases[name] = [os.path.normpath(f"{part.path}/{item}") for item in chosen]
        self._known: dict[str, dict[str, Known]] = {name: {} for name in self.names}

    def part_of(self, path: str) -> str | None:
        """The repository for whose programs this file counts; None where for none."""
        name = part_of(self.plan, path)
        return name if name in self._patterns and self._counts(name, path) else None

    def _counts(self, name: str, path: str) -> bool:
        part = self.plan.parts[name]
        inner = below(path, part.path)
        if inner is None or is_noise(inner) or not self._patterns[name].fullmatch(inner):
            return False
        return bool(part.sources) or is_program(inner)

    def look(self, names: Iterable[str], touched: Iterable[str] = ()) -> list[str]:
        """Read these repositories again; the paths whose content is another than at the last look.

        touched: read whatever their times say, since two saves may fall into one tick of the clock.
        """
        sure = set(touched)
        changed: list[str] = []
        for name in names:
            before = self._known[name]
            now: dict[str, Known] = {}
            for path in self._files(name):
                known = None if path in sure else before.get(path)
                if (seen := _seen(self.root / path, known)) is not None:
                    now[path] = seen
            gone = before.keys() - now.keys()
            new = [path for path, seen in now.items() if _is_other(before.get(path), seen)]
            changed += [*new, *sorted(gone)]
            self._known[name] = now
        return changed

    def known_below(self, folder: str) -> list[str]:
        """The known files below a folder."""
        return [path for found in self._known.values() for path in found if path.startswith(f"{folder}/")]

    def _files(self, name: str) -> Iterator[str]:
        for base in {base_of(item) for item in self.bases[name]}:
            if (self.root / base).is_file():
                yield base
            for at, folders, files in os.walk(self.root / base):
                folders[:] = [item for item in folders if item not in IGNORED and not item.startswith(".")]
                inner = os.path.relpath(at, self.root)
                for file in files:
                    path = os.path.normpath(f"{inner}/{file}")
                    if self.part_of(path) == name:
                        yield path


def _is_other(before: Known | None, now: Known) -> bool:
    return before is None or before.digest != now.digest


def _seen(file: Path, known: Known | None) -> Known | None:
    """The file as it is now; read only where its stamp is another. None where it is gone."""
    try:
        facts = file.stat()
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if known is not None and known.stamp == stamp:
            return known
        if facts.st_size > LARGE_BYTES:
            return Known(stamp, repr(stamp[:2]).encode())
        return Known(stamp, hashlib.blake2b(file.read_bytes(), digest_size=16).digest())
    except OSError:
        return None
