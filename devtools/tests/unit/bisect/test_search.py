"""The search finds the first bad place in as few questions as can be, past whatever cannot be judged."""

from __future__ import annotations

import math
import random

import pytest

from devtools.bisect.search import Outcome, search


def searched(last: int, first_bad: int, skips: set[int]) -> tuple[int, int, list[int]]:
    asked: list[int] = []

    def ask(place: int, left: int) -> Outcome:
        assert 0 < place < last and place not in asked
        assert left >= 1
        asked.append(place)
        return Outcome.SKIP if place in skips else Outcome.BAD if place >= first_bad else Outcome.GOOD

    return (*search(last, ask), asked)


@pytest.mark.parametrize("last", [1, 2, 3, 4, 5, 7, 8, 9, 100, 128])
def test_every_first_bad_place_is_found_in_the_logarithm_of_all(last):
    for first_bad in range(1, last + 1):
        good, bad, asked = searched(last, first_bad, set())
        assert (good, bad) == (first_bad - 1, first_bad)
        assert len(asked) <= math.ceil(math.log2(last))


def test_the_questions_left_are_told():
    told: list[int] = []

    def ask(_: int, left: int) -> Outcome:
        told.append(left)
        return Outcome.GOOD

    assert search(32, ask) == (31, 32)
    assert told == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("first", range(0, 600, 200))
def test_with_skips_the_answer_is_as_narrow_as_they_allow(first):
    for seed in range(first, first + 200):
        chance = random.Random(seed)
        last = chance.randint(1, 60)
        first_bad = chance.randint(1, last)
        begin, share = chance.randint(1, 60), chance.choice([0.0, 0.1, 0.5])
        skips = {place for place in range(1, last) if chance.random() < share}
        skips |= set(range(begin, min(last, begin + chance.randint(0, 20))))
        good, bad, _ = searched(last, first_bad, skips)
        judged = set(range(last + 1)) - skips
        assert good == max(place for place in judged if place < first_bad), seed
        assert bad == min(place for place in judged if place >= first_bad), seed


def test_a_stretch_that_cannot_be_judged_costs_little_where_the_answer_is_elsewhere():
    good, bad, asked = searched(1024, 100, set(range(400, 700)))
    assert (good, bad) == (99, 100)
    assert len(asked) <= 10 + 4
