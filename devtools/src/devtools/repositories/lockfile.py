"""The exact commits of a workspace in one file, for `repos freeze` and `restore`. Must not move anything."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from devtools.errors import WrongUse
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devtools.repositories.checkouts import Checkout

NAME = "repositories.lock.json"


def freeze(found: Sequence[Checkout]) -> tuple[dict[str, Any], list[str]]:
    """Every checkout's commit and branch; and warnings of what the file does not hold."""
    warnings: list[str] = []
    repositories: dict[str, Any] = {}
    for checkout, state in zip(found, checkouts.at_once(checkouts.state, found), strict=True):
        if state.head is None:
            raise WrongUse(f"{checkout.id} has no commit yet", hint="commit first")
        if state.changed:
            warnings.append(f"{checkout.id}: {state.changed} files are not committed, so they are not frozen")
        if checkout.url and not checkout.asked("branch", "--remotes", "--contains", state.head):
            warnings.append(f"{checkout.id}: {state.head[:12]} was not pushed, nobody else can restore it")
        repositories[checkout.id] = {"path": checkout.path, "commit": state.head, "branch": state.branch}
    return {"version": 1, "repositories": repositories}, warnings


def read(file: Path) -> dict[str, str]:
    """The commits of a lock by id; empty where there is no file."""
    if not file.exists():
        return {}
    try:
        value = cast("dict[str, Any]", json.loads(file.read_text()))
        found = {str(name): str(item["commit"]) for name, item in value["repositories"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WrongUse(
            f"{file} is not what `repos freeze` writes", hint="repos freeze writes it anew"
        ) from None
    for name, sha in found.items():
        if not re.fullmatch(r"[0-9a-f]{40,64}", sha):
            raise WrongUse(f"{file}: {name} has no full commit: {sha}", hint="repos freeze writes it anew")
    return found
