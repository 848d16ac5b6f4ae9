"""Statements are matched exactly, on integers; what is near is shown, what is old goes to suspense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from payments_schema.wallets.matching import Booked, Line, Match, covering, match

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def line(id: int, effect: int, reference: str = "") -> Line:
    return Line(id, reference or f"other-{id}", effect, NOON)


def booked(number: int, effect: int) -> Booked:
    return Booked(UUID(int=number), effect, NOON)


def run(lines: list[Line], items: list[Booked], now: datetime = NOON) -> list[Match]:
    return match(lines, items, now, DAY)


def test_reference_and_amount_are_certain() -> None:
    (found,) = run([line(1, -2519, str(UUID(int=1)))], [booked(1, -2519)])
    assert found == Match("one_to_one", (1,), (UUID(int=1),), 0, is_certain=True)


def test_a_difference_is_a_proposal_with_its_size() -> None:
    (found,) = run([line(1, -2525, str(UUID(int=1)))], [booked(1, -2519)])
    assert (found.difference_minor, found.is_certain) == (-6, False)


def test_one_line_covers_many_and_many_lines_one() -> None:
    (bulk,) = run([line(1, 600)], [booked(1, 100), booked(2, 250), booked(3, 350), booked(4, 999)])
    assert (bulk.kind, bulk.attempts, bulk.is_certain) == ("one_to_many", (UUID(int=2), UUID(int=3)), False)
    (split,) = run([line(1, 100), line(2, 150)], [booked(1, 250)])
    assert (split.kind, split.lines) == ("many_to_one", (1, 2))


def test_what_fits_nothing_waits_and_then_goes_to_suspense() -> None:
    assert run([line(1, 77)], []) == []
    (found,) = run([line(1, 77)], [], NOON + DAY)
    assert (found.kind, found.difference_minor) == ("suspense", 77)


@given(st.lists(st.integers(1, 50), max_size=8), st.integers(1, 120), st.sampled_from([1, -1]))
def test_covering_finds_a_smallest_exact_set_or_there_is_none(
    parts: list[int], total: int, sign: int
) -> None:
    signed = [part * sign for part in parts]
    sizes = [
        size
        for size in range(1, len(signed) + 1)
        for chosen in combinations(signed, size)
        if sum(chosen) == total * sign
    ]
    found = covering(signed, total * sign)
    assert (found is None) == (not sizes)
    if found is not None:
        assert sum(signed[index] for index in found) == total * sign
        assert len(set(found)) == len(found) == min(sizes)


def test_a_huge_statement_ends() -> None:
    parts = [3**n % 10_007 + 1 for n in range(20)]
    covering(parts, 50_001)
