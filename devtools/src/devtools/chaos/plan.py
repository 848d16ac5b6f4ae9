"""Which faults strike, in which order and how hard: all of it follows from the seed. Pure."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = (
    "api.kill",
    "worker.kill",
    "backend.kill",
    "postmaster.kill",
    "connections.cut",
    "network.slow",
    "network.down",
    "clock.moved",
    "disk.full",
)
"""Every fault there is; what this machine does not allow is left out of a run and said."""


@dataclass(frozen=True)
class Fault:
    """One blow. pause_s: calm before it; lasts_s: 0 for a kill; strength: kind-specific, in [0, 1)."""

    number: int
    kind: str
    pause_s: float
    lasts_s: float
    strength: float


_LASTS = {
    "network.slow": (1.0, 3.0),
    "network.down": (1.0, 4.0),
    "clock.moved": (1.0, 3.0),
    "disk.full": (1.0, 2.0),
}


def schedule(seed: int, count: int, kinds: Sequence[str] = KINDS) -> tuple[Fault, ...]:
    """`count` faults: every kind once in random order, then again; equal for equal arguments."""
    chance = random.Random(f"faults {seed}")  # noqa: S311  (to be replayed, not to be secret)
    drawn: list[str] = []
    while len(drawn) < count:
        deck = list(kinds)
        chance.shuffle(deck)
        drawn += deck
    return tuple(
        Fault(
            number,
            kind,
            pause_s=round(chance.uniform(0.2, 1.2), 3),
            lasts_s=round(chance.uniform(*_LASTS.get(kind, (0.0, 0.0))), 3),
            strength=round(chance.random(), 3),
        )
        for number, kind in enumerate(drawn[:count], 1)
    )


def fingerprint(faults: Sequence[Fault]) -> str:
    """Equal for equal plans: what two runs of one seed can be compared by."""
    return hashlib.sha256(repr(tuple(faults)).encode()).hexdigest()[:12]
