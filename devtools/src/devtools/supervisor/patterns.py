"""Which paths a `watch` or `sources` pattern means, and which no program is made of.

It must not look at the disk.
"""

from __future__ import annotations

import re

IGNORED = frozenset(
    (".git", ".hg", ".devtools", ".venv", "node_modules", "__pycache__", ".pytest_cache", ".ruff_cache")
)
_NOISE = re.compile(
    r"(~|\.pyc|\.sw[a-px]|\.tmp|(^|/)4913|(^|/)\.#[^/]*|(^|/)#[^/]*#|___jb_(tmp|old)___|(^|/)\.DS_Store)$"
)
_GLOB = re.compile(r"[*?\[]")


def matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What matches a path below the root: a file, all below a folder, or a glob (`src/**/*.py`)."""
    return re.compile("|".join(_expression(pattern) for pattern in patterns) or r"(?!)")


def base_of(pattern: str) -> str:
    """The part of a pattern before its first wildcard: the folder (or file) to look at."""
    kept: list[str] = []
    for part in pattern.rstrip("/").split("/"):
        if _GLOB.search(part):
            break
        kept.append(part)
    return "/".join(kept)


def is_noise(path: str) -> bool:
    """True for what no service is made of: repositories' own files, caches, editors' leftovers."""
    return not IGNORED.isdisjoint(path.split("/")) or _NOISE.search(path) is not None


def _expression(pattern: str) -> str:
    pattern = pattern.rstrip("/").removeprefix("./")
    if not _GLOB.search(pattern):
        return re.escape(pattern) + r"(?:/.*)?" if pattern not in ("", ".") else r".*"
    translated = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern):
        translated += {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}.get(part) or (
            part.replace("[!", "[^", 1) if part.startswith("[") and part.endswith("]") else re.escape(part)
        )
    return translated
