"""The search for the first bad one in a row, where some cannot be judged.

Pure: must not know what is searched or how it is judged.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Outcome(StrEnum):
    """What is said of one place."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "cannot be judged"


def search(last: int, ask: Callable[[int, int], Outcome]) -> tuple[int, int]:
    """The last place known to be good and the first known to be bad, where 0 is good and `last` is bad.

    They are neighbours, or nothing between them can be judged. `ask` is told a place and about how many
    questions are left, this one among them: without skips never more than the binary logarithm of `last`.
    """
    good, bad = 0, last
    skipped: set[int] = set()
    while (place := _widest(good, bad, skipped)) is not None:
        outcome = ask(place, (bad - good - 1).bit_length())
        if outcome is Outcome.SKIP:
            skipped.add(place)
        elif outcome is Outcome.GOOD:
            good = place
        else:
            bad = place
    return good, bad


def _widest(good: int, bad: int, skipped: set[int]) -> int | None:
    """The middle of the widest stretch of which nothing is known: a row of skips is soon left behind."""
    known = [good, *sorted(place for place in skipped if good < place < bad), bad]
    start, end = max(pairwise(known), key=lambda pair: pair[1] - pair[0])
    return (start + end) // 2 if end - start > 1 else None
