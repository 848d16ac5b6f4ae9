"""Whether a payment looks right: rules as data, a score with named reasons, and one of three outcomes. Pure.

Must not look anything up: the history that the rules need is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Outcome = Literal["allow", "review", "block"]
Subject = Literal["payer", "payee"]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    score: int = Field(default=0, ge=0, le=1000)
    outcome: Outcome = "allow"
    """What a hit leads to whatever the score is; allow: only the score counts."""


class VelocityCount(_Rule):
    """More than `most` payments of a subject within the window."""

    kind: Literal["velocity_count"]
    subject: Subject
    window_s: int = Field(gt=0, le=604_800)
    most: int = Field(ge=1)


class VelocityAmount(_Rule):
    """More than `most_minor` in sum of a subject within the window."""

    kind: Literal["velocity_amount"]
    subject: Subject
    window_s: int = Field(gt=0, le=604_800)
    most_minor: int = Field(ge=1)


class Duplicate(_Rule):
    """The same amount to the same payee within the window."""

    kind: Literal["duplicate"]
    window_s: int = Field(gt=0, le=604_800)


class NewRecipient(_Rule):
    """A payee never paid before gets more than `over_minor`."""

    kind: Literal["new_recipient"]
    over_minor: int = Field(ge=0)


class Night(_Rule):
    """More than `over_minor` between two hours of the day in Ghana (UTC)."""

    kind: Literal["night"]
    from_hour: int = Field(ge=0, le=23)
    to_hour: int = Field(ge=0, le=23)
    over_minor: int = Field(ge=0)


class Large(_Rule):
    """More than `over_minor` at once."""

    kind: Literal["large"]
    over_minor: int = Field(ge=0)


Rule = Annotated[
    VelocityCount | VelocityAmount | Duplicate | NewRecipient | Night | Large, Field(discriminator="kind")
]


class Rules(BaseModel):
    """A set of rules, as stored and as an operator writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[Rule, ...]
    review_at: int = 50
    block_at: int = 100

    @property
    def longest_window_s(self) -> int:
        """How far back the history must reach."""
        timed = (VelocityCount, VelocityAmount, Duplicate)
        return max((rule.window_s for rule in self.rules if isinstance(rule, timed)), default=0)


DEFAULT: dict[str, Any] = {
    "rules": [
        {"kind": "velocity_count", "name": "payee paid too often", "subject": "payee", "window_s": 3600,
         "most": 200, "score": 60},
        {"kind": "velocity_count", "name": "payer pays too often", "subject": "payer", "window_s": 3600,
         "most": 60, "score": 60},
        {"kind": "velocity_amount", "name": "payer pays too much", "subject": "payer", "window_s": 86400,
         "most_minor": 10_000_000, "score": 60},
        {"kind": "duplicate", "name": "same amount to the same payee", "window_s": 60, "score": 10},
        {"kind": "new_recipient", "name": "large amount to a new payee", "over_minor": 2_000_000,
         "score": 30},
        {"kind": "night", "name": "large amount at night", "from_hour": 0, "to_hour": 4,
         "over_minor": 1_500_000, "score": 20},
        {"kind": "large", "name": "close to the limit", "over_minor": 4_000_000, "score": 25},
    ],
    "review_at": 50,
    "block_at": 100,
}  # fmt: skip
RULES: TypeAdapter[Rules] = TypeAdapter(Rules)


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier payment of the same payer or to the same payee."""

    at: datetime
    payer: str | None
    payee: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The payment that is checked. payer: None where nobody but the client itself is known."""

    at: datetime
    payer: str | None
    payee: str
    amount_minor: int
    history: Sequence[Past] = ()
    is_known_payee: bool = True
    listed: Mapping[str, Outcome] | None = None
    """The verdicts of the lists on payer and payee, by name of the list entry."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found. reasons: the names of the rules that were hit, in their order."""

    outcome: Outcome
    score: int
    reasons: tuple[str, ...]

    def explained(self) -> dict[str, Any]:
        return {"outcome": self.outcome, "score": self.score, "reasons": list(self.reasons)}


def assess(asked: Asked, rules: Rules) -> Assessment:
    """Apply the lists, then every rule; the gravest outcome wins. An allow-listed payee skips the rules."""
    listed = asked.listed or {}
    reasons = [name for name, verdict in listed.items() if verdict != "allow"]
    if "block" in listed.values():
        return Assessment("block", rules.block_at, tuple(reasons))
    if "allow" in listed.values() and not reasons:
        return Assessment("allow", 0, tuple(f"listed: {name}" for name in listed))
    hits = [rule for rule in rules.rules if _CHECKS[rule.kind](asked, rule)]
    score = sum(rule.score for rule in hits)
    outcomes = {rule.outcome for rule in hits} | set(listed.values())
    if score >= rules.block_at or "block" in outcomes:
        outcome: Outcome = "block"
    elif score >= rules.review_at or "review" in outcomes:
        outcome = "review"
    else:
        outcome = "allow"
    return Assessment(outcome, score, (*reasons, *(rule.name for rule in hits)))


_NO_RULES = Rules(rules=(), review_at=0, block_at=1)


def hold_back(asked: Asked, why: str) -> Assessment:
    """The assessment where the rules in force cannot be read: lists count, all else waits for an operator."""
    found = assess(asked, _NO_RULES)
    return replace(found, reasons=(*found.reasons, why)) if found.outcome == "review" else found


def _of(asked: Asked, subject: Subject, window_s: int) -> list[Past]:
    since = asked.at - timedelta(seconds=window_s)
    if subject == "payer":
        payer = asked.payer
        return [p for p in asked.history if payer is not None and p.payer == payer and p.at > since]
    return [past for past in asked.history if past.payee == asked.payee and past.at > since]


def _velocity_count(asked: Asked, rule: VelocityCount) -> bool:
    if rule.subject == "payer" and asked.payer is None:
        return False
    return len(_of(asked, rule.subject, rule.window_s)) + 1 > rule.most


def _velocity_amount(asked: Asked, rule: VelocityAmount) -> bool:
    if rule.subject == "payer" and asked.payer is None:
        return False
    earlier = sum(past.amount_minor for past in _of(asked, rule.subject, rule.window_s))
    return earlier + asked.amount_minor > rule.most_minor


def _duplicate(asked: Asked, rule: Duplicate) -> bool:
    return any(
        past.amount_minor == asked.amount_minor and past.payer == asked.payer
        for past in _of(asked, "payee", rule.window_s)
    )


def _new_recipient(asked: Asked, rule: NewRecipient) -> bool:
    return not asked.is_known_payee and asked.amount_minor > rule.over_minor


def _night(asked: Asked, rule: Night) -> bool:
    hour, start, end = asked.at.hour, rule.from_hour, rule.to_hour
    is_night = start <= hour < end if start <= end else hour >= start or hour < end
    return is_night and asked.amount_minor > rule.over_minor


def _large(asked: Asked, rule: Large) -> bool:
    return asked.amount_minor > rule.over_minor


_CHECKS: dict[str, Callable[[Asked, Any], bool]] = {
    "velocity_count": _velocity_count,
    "velocity_amount": _velocity_amount,
    "duplicate": _duplicate,
    "new_recipient": _new_recipient,
    "night": _night,
    "large": _large,
}
