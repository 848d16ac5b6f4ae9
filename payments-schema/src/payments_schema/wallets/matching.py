"""Fits statement lines to what we booked, exactly, on integers: one to one, one to many, many to one. Pure.

Must not accept a near miss: a difference is shown as a proposal for an operator, never swallowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

Kind = Literal["one_to_one", "one_to_many", "many_to_one", "suspense"]
MOST_PARTS = 20
MOST_SUMS = 200_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a provider's statement."""

    id: int
    reference: str
    effect_minor: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """What one attempt did to our float according to the ledger."""

    reference: UUID
    effect_minor: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """Lines that belong to attempts. difference: what the statement says beyond what was booked."""

    kind: Kind
    lines: tuple[int, ...]
    attempts: tuple[UUID, ...]
    difference_minor: int
    is_certain: bool


def match(
    lines: Sequence[Line], booked: Sequence[Booked], now: datetime, suspense_after: timedelta
) -> list[Match]:
    """Certain matches by reference and amount, then proposals; what stays open and old goes to suspense."""
    found: list[Match] = []
    by_reference = {str(item.reference): item for item in booked}
    rest: list[Line] = []
    for line in lines:
        item = by_reference.pop(line.reference, None)
        if item is None:
            rest.append(line)
            continue
        difference = line.effect_minor - item.effect_minor
        found.append(Match("one_to_one", (line.id,), (item.reference,), difference, difference == 0))
    open_items = list(by_reference.values())
    rest = _one_to_many(rest, open_items, found)
    rest = _many_to_one(rest, open_items, found)
    found += [
        Match("suspense", (line.id,), (), line.effect_minor, is_certain=False)
        for line in rest
        if now - line.at >= suspense_after
    ]
    return found


def _one_to_many(lines: list[Line], booked: list[Booked], found: list[Match]) -> list[Line]:
    rest: list[Line] = []
    for line in sorted(lines, key=lambda line: line.id):
        near = sorted(booked, key=lambda item: (abs(item.at - line.at), str(item.reference)))[:MOST_PARTS]
        cover = covering([item.effect_minor for item in near], line.effect_minor)
        if cover is None:
            rest.append(line)
            continue
        parts = [near[index] for index in cover]
        for part in parts:
            booked.remove(part)
        kind: Kind = "one_to_one" if len(parts) == 1 else "one_to_many"
        found.append(Match(kind, (line.id,), tuple(p.reference for p in parts), 0, is_certain=False))
    return rest


def _many_to_one(lines: list[Line], booked: list[Booked], found: list[Match]) -> list[Line]:
    rest = list(lines)
    for item in sorted(booked, key=lambda item: str(item.reference)):
        near = sorted(rest, key=lambda line: (abs(line.at - item.at), line.id))[:MOST_PARTS]
        cover = covering([line.effect_minor for line in near], item.effect_minor)
        if cover is None:
            continue
        parts = [near[index] for index in cover]
        rest = [line for line in rest if line not in parts]
        found.append(Match("many_to_one", tuple(p.id for p in parts), (item.reference,), 0, is_certain=False))
    return rest


def covering(parts: Sequence[int], total: int) -> list[int] | None:
    """Indexes of a smallest set of parts that sums exactly to the total; None where there is none.

    Sums are bounded in number, so that no statement can make this run for ever. Parts have the total's sign.
    """
    sums: dict[int, tuple[int, ...]] = {0: ()}
    for index, part in enumerate(parts):
        if part == 0 or (part > 0) != (total > 0) or abs(part) > abs(total):
            continue
        for reached, chosen in list(sums.items()):
            further = reached + part
            known = sums.get(further)
            if abs(further) <= abs(total) and (known is None or len(known) > len(chosen) + 1):
                sums[further] = (*chosen, index)
        if len(sums) > MOST_SUMS:
            return None
    cover = sums.get(total)
    return list(cover) if cover else None
