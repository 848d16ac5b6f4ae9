"""Knobs and dice: which fault strikes which request, decided by a seed so that a run can be replayed.

Must not look at a clock or keep a shared random state: concurrent requests would then draw in another order
in the next run, and the run would not replay.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any

from devtools.simulators.outcomes import fault_of


@dataclass(frozen=True, slots=True)
class Knobs:
    """Chances lie in [0, 1]; times are in seconds or milliseconds as their names say."""

    latency_ms: int = 0
    latency_jitter_ms: int = 0
    settle_after_s: float = 0.0
    refuse: float = 0.0
    """503 before anything happened."""
    lose_reply: float = 0.0
    """The transfer is taken, the reply never arrives whole."""
    error_after: float = 0.0
    """The transfer is taken, the reply is a 500."""
    garbage: float = 0.0
    huge: float = 0.0
    unknown_status: float = 0.0
    wrong_currency: float = 0.0
    hang: float = 0.0
    hang_s: float = 30.0
    outage: bool = False
    """Everything answers 503."""
    decline: float = 0.0
    decline_reason: str = "SERVICE_UNAVAILABLE"
    callback: float = 1.0
    callback_delay_s: float = 0.0
    callback_duplicates: int = 0
    token_ttl_s: int = 3600

    def changed(self, values: dict[str, Any]) -> Knobs:
        """These knobs with `values` applied. Raises ValueError for an unknown knob or a wrong type."""
        known: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"there is no knob named {name!r}")
            wanted: type[bool | int | float | str] = known[name].__class__
            if isinstance(value, bool) is not (wanted is bool) or not isinstance(value, int | float | str):
                raise ValueError(f"knob {name!r} takes a {wanted.__name__}")
            known[name] = wanted(value)
        return replace(self, **known)


def dice(seed: int, *what: object) -> float:
    """A number in [0, 1) that depends on nothing but the seed and what is decided."""
    digest = hashlib.blake2b(repr((seed, what)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True, slots=True)
class Draw:
    """One request's draw: asks the dice about each knob, the same answer whenever it is asked again."""

    knobs: Knobs
    seed: int
    provider: str
    operation: str
    reference: str
    times: int
    """How often this operation was called for this reference before."""
    msisdn: str = ""

    def strikes(self, knob: str) -> bool:
        # A faulty number loses its first reply only: what comes after must be able to find the truth.
        if self.times == 0 and self.operation == "submit" and fault_of(self.msisdn) == knob:
            return knob in ("lose_reply", "garbage", "refuse")
        if self.operation == "inquire" and fault_of(self.msisdn) == knob:
            return knob in ("unknown_status", "wrong_currency")
        chance = getattr(self.knobs, knob)
        return bool(chance) and dice(self.seed, knob, *self._subject()) < chance

    def latency_s(self) -> float:
        jitter = self.knobs.latency_jitter_ms
        extra = jitter * dice(self.seed, "latency", *self._subject()) if jitter else 0
        return (self.knobs.latency_ms + extra) / 1000

    def _subject(self) -> tuple[object, ...]:
        return (self.provider, self.operation, self.reference, self.times)
