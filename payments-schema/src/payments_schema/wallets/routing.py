"""Which provider carries a payment: hard exclusions, then the highest expected value; explainable. Pure.

Must not draw from shared randomness: exploration comes from the seed and the payment, so that it replays.
Source: expected value = P(success) × worth of a success − fee − price of waiting, all in minor units.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from payments_schema.wire.wallets import WalletDirection, WalletProvider

PPM = 1_000_000
CIRCUIT_OPEN = "does not answer (circuit open)"
FLOAT_LOW = "float below amount and fee"
FULL = "has no free line"
ELIMINATED = "success rate below the threshold"
PASSING = frozenset({CIRCUIT_OPEN, FLOAT_LOW, FULL})


@dataclass(frozen=True, slots=True)
class Tier:
    """A fee from `from_minor` on: fixed plus basis points, rounded up, at least and at most."""

    from_minor: int = 0
    fixed_minor: int = 0
    bps: int = 0
    least_minor: int = 0
    most_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a provider takes and can do. tiers: ascending, from 0 on. carries: networks per direction."""

    tiers: tuple[Tier, ...]
    carries: Mapping[WalletDirection, frozenset[str]]
    currencies: frozenset[str] = frozenset({"GHS"})
    is_enabled: bool = True

    def fee(self, amount_minor: int) -> int:
        tier = self.tiers[0]
        for further in self.tiers[1:]:
            if amount_minor >= further.from_minor:
                tier = further
        fee = max(tier.fixed_minor - (-amount_minor * tier.bps // 10_000), tier.least_minor)
        return fee if tier.most_minor is None else min(fee, tier.most_minor)


@dataclass(frozen=True, slots=True)
class Window:
    """What a sliding window saw of a provider."""

    successes: int = 0
    failures: int = 0
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider as it is now. balance_minor: None where it is not known."""

    provider: WalletProvider
    terms: Terms
    window: Window = Window()
    balance_minor: int | None = None
    health: str = "closed"
    is_full: bool = False
    """Has as many conversations under way as one provider may have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be routed."""

    payment_id: str
    direction: WalletDirection
    amount_minor: int
    currency: str
    network: str
    provider: WalletProvider | None = None
    tried: frozenset[WalletProvider] = frozenset()


@dataclass(frozen=True, slots=True)
class Weights:
    """How figures become a score; a success is worth worth_bps of the amount, or least_worth_minor."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    worth_bps: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 300
    least_worth_minor: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 50
    second_costs_minor: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 2
    prior_successes: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 9
    prior_failures: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    eliminate_below_ppm: Annotated[int, Field(strict=True, ge=0, le=PPM)] = 200_000
    eliminate_from: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 20
    explore_ppm: Annotated[int, Field(strict=True, ge=0, le=PPM)] = 10_000
    seed: Annotated[int, Field(strict=True, ge=0, le=2**31)] = 1


WEIGHTS: TypeAdapter[Weights] = TypeAdapter(Weights)


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its figures, and why it was left out if it was."""

    provider: WalletProvider
    excluded: str | None
    fee_minor: int
    success_ppm: int
    successes: int
    samples: int
    latency_ms: int
    balance_minor: int | None
    score_minor: int


_WEIGHTS = tuple(one.name for one in fields(Weights))
_FIGURES = tuple(one.name for one in fields(Scored))
FORMULAS = {
    "score_minor": "success_ppm × worth_minor / 1000000 − fee_minor − latency_ms × second_costs_minor / 1000",
    "worth_minor": "amount_minor × worth_bps / 10000, at least least_worth_minor",
    "success_ppm": "(successes + prior_successes) × 1000000 / (samples + prior_successes + prior_failures)",
    "fee_minor": "the fee of the provider's tier for amount_minor, rounded up",
    "choice": "highest score among those not excluded; ties: lower fee, higher success_ppm, name",
    "divisions": "round down, each by itself",
}


@dataclass(frozen=True, slots=True)
class Route:
    """The decision. chosen: None where nobody can carry it."""

    chosen: Scored | None
    candidates: tuple[Scored, ...]
    reason: str
    wanted: Wanted
    weights: Weights = field(default_factory=Weights)

    @property
    def may_change(self) -> bool:
        """Whether nobody can carry it for now only: a later decision may find somebody."""
        return self.chosen is None and any(c.excluded in PASSING for c in self.candidates)

    def explained(self) -> dict[str, Any]:
        """The decision as JSON, with everything a reader needs to check it by hand."""
        return {
            "provider": None if self.chosen is None else self.chosen.provider.value,
            "reason": self.reason,
            "asked": {
                "amount_minor": self.wanted.amount_minor,
                "currency": self.wanted.currency,
                "direction": self.wanted.direction.value,
                "network": self.wanted.network,
                "provider": None if self.wanted.provider is None else self.wanted.provider.value,
                "tried": sorted(self.wanted.tried),
            },
            "worth_minor": worth(self.wanted.amount_minor, self.weights),
            "weights": {name: getattr(self.weights, name) for name in _WEIGHTS},
            "candidates": [
                {name: getattr(candidate, name) for name in _FIGURES} for candidate in self.candidates
            ],
        }


def worth(amount_minor: int, weights: Weights) -> int:
    """What a success of this amount is worth to us, in minor units."""
    return max(amount_minor * weights.worth_bps // 10_000, weights.least_worth_minor)


def route(wanted: Wanted, candidates: Iterable[Candidate], weights: Weights) -> Route:
    """Pick the provider with the highest score among those that can carry it.

    Ties: lower fee, then higher success rate, then name, so that replays agree.
    """
    scored = [_score(wanted, candidate, weights) for candidate in candidates]
    scored.sort(
        key=lambda c: (c.excluded is not None, -c.score_minor, c.fee_minor, -c.success_ppm, c.provider)
    )
    eligible = [candidate for candidate in scored if candidate.excluded is None]
    shown = tuple(scored)
    if not eligible:
        return Route(None, shown, "no provider can carry it", wanted, weights)
    explored = _explored(wanted, eligible, weights)
    if explored is not None:
        return Route(
            explored,
            shown,
            f"exploration: {explored.provider} is tried to keep its figures fresh",
            wanted,
            weights,
        )
    return Route(eligible[0], shown, _reason(wanted, eligible), wanted, weights)


def _score(wanted: Wanted, candidate: Candidate, weights: Weights) -> Scored:
    window = candidate.window
    samples = window.successes + window.failures
    rate = (window.successes + weights.prior_successes) * PPM
    success_ppm = rate // (samples + weights.prior_successes + weights.prior_failures)
    fee = candidate.terms.fee(wanted.amount_minor)
    waiting = window.latency_ms * weights.second_costs_minor // 1000
    return Scored(
        provider=candidate.provider,
        excluded=_exclusion(wanted, candidate, fee, success_ppm, samples, weights),
        fee_minor=fee,
        success_ppm=success_ppm,
        successes=window.successes,
        samples=samples,
        latency_ms=window.latency_ms,
        balance_minor=candidate.balance_minor,
        score_minor=success_ppm * worth(wanted.amount_minor, weights) // PPM - fee - waiting,
    )


def _exclusion(
    wanted: Wanted, candidate: Candidate, fee: int, success_ppm: int, samples: int, weights: Weights
) -> str | None:
    terms = candidate.terms
    if wanted.provider is not None and candidate.provider is not wanted.provider:
        return "another provider was asked for"
    if candidate.provider in wanted.tried:
        return "has refused this payment"
    if not terms.is_enabled:
        return "is switched off"
    if wanted.currency not in terms.currencies:
        return f"does not carry {wanted.currency}"
    if wanted.network not in terms.carries.get(wanted.direction, frozenset()):
        return f"cannot {wanted.direction} on {wanted.network}"
    if candidate.health == "open":
        return CIRCUIT_OPEN
    if candidate.is_full:
        return FULL
    balance = candidate.balance_minor
    needed = wanted.amount_minor + fee if wanted.direction is WalletDirection.DISBURSE else 0
    if balance is not None and balance < needed:
        return FLOAT_LOW
    if samples >= weights.eliminate_from and success_ppm < weights.eliminate_below_ppm:
        # The last resort for a client who asked for exactly this one.
        return None if wanted.provider is not None else ELIMINATED
    return None


def _explored(wanted: Wanted, eligible: Sequence[Scored], weights: Weights) -> Scored | None:
    others = eligible[1:]
    if not others or not weights.explore_ppm:
        return None
    digest = hashlib.blake2b(f"{weights.seed}:{wanted.payment_id}".encode(), digest_size=8).digest()
    drawn = int.from_bytes(digest, "big")
    return others[drawn // PPM % len(others)] if drawn % PPM < weights.explore_ppm else None


def _reason(wanted: Wanted, eligible: Sequence[Scored]) -> str:
    best = eligible[0]
    if wanted.provider is not None:
        return f"{best.provider} was asked for"
    if len(eligible) == 1:
        return f"{best.provider} is the only one that can carry it"
    second = eligible[1]
    return f"{best.provider} scores {best.score_minor}, next is {second.provider} with {second.score_minor}"
