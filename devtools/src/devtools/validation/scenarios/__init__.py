"""The scenarios: each module here with a `SCENARIO` registers itself by lying here.

A module offers `SCENARIO = Registration(...)`; files for further capabilities need no change anywhere else.
Must not run anything at import.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from devtools.validation.model import Scenario
from devtools.validation.world import World

STORE = frozenset(("postgres", "migrate"))
API = STORE | {"api"}
WORKER = API | {"worker"}


@dataclass(frozen=True)
class Registration:
    """One scenario; `order` sorts them, and `is_default` ones run without `--all`.

    touches: the services and tasks that its steps go through; empty: any restart may matter to them.
    """

    id: str
    title: str
    order: int
    make: Callable[[World], Scenario]
    is_default: bool = False
    touches: frozenset[str] = frozenset()


def registered(*, everything: bool) -> list[Registration]:
    """The scenarios to run, in their order."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}").SCENARIO
        for module in pkgutil.iter_modules(__path__)
    ]
    chosen = [
        entry for entry in found if isinstance(entry, Registration) and (everything or entry.is_default)
    ]
    return sorted(chosen, key=lambda entry: entry.order)
