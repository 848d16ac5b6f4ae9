"""What is done to the system while faults strike, and what must be true afterwards.

A module here with a `SCENARIO` registers itself by lying here. Must not strike a fault.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from typing import Protocol

from devtools.chaos.load import Client
from devtools.chaos.rig import Rig


class Scenario(Protocol):
    """Load and its oracle. `verdict` names findings by what they count; every one must be 0."""

    @property
    def name(self) -> str:
        """What `--scenario` calls it."""
        ...

    async def work(self, client: Client, chance: random.Random, prefix: str) -> None:
        """One piece of work, all of it acknowledged when this returns. prefix: makes its keys its own."""
        ...

    async def cycle(self, client: Client, prefix: str) -> None:
        """One piece of work through the API and the worker to its end: what recovery is measured by."""
        ...

    def unsettled(self, rig: Rig) -> int:
        """How many pieces of work the programs are still busy with."""
        ...

    async def verdict(self, rig: Rig, client: Client) -> dict[str, int]:
        """What was lost, doubled or wrong, counted."""
        ...

    def facts(self) -> dict[str, int]:
        """How much was acknowledged, counted."""
        ...


def make(name: str) -> Scenario | None:
    """A fresh scenario of that name."""
    found = next((module for module in pkgutil.iter_modules(__path__) if module.name == name), None)
    return None if found is None else importlib.import_module(f"{__name__}.{name}").SCENARIO()


def names() -> list[str]:
    """Every scenario there is."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
