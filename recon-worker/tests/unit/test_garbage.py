"""Full collections: due as often as Python would, bounded in their share of time, never put off for ever."""

from __future__ import annotations

import gc

from recon_worker.garbage import MIDDLE_ROUNDS, NEVER, PATIENCE_S, SHARE, FullCollections


class Moment:
    """A clock, a count of middle rounds, and what a collection costs."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rounds = 0
        self.collected = 0

    def collect(self) -> None:
        self.now += 0.1
        self.rounds = 0
        self.collected += 1

    def full(self) -> FullCollections:
        return FullCollections(
            clock=lambda: self.now, middle_rounds=lambda: self.rounds, collect=self.collect
        )


def test_one_is_due_after_enough_middle_rounds() -> None:
    moment = Moment()
    full = moment.full()
    moment.rounds = MIDDLE_ROUNDS - 1
    assert not full.is_due()
    moment.rounds += 1
    assert full.is_due()
    full.run()
    assert (moment.collected, full.is_due()) == (1, False)


def test_they_take_a_bounded_share_of_the_time() -> None:
    moment = Moment()
    full = moment.full()
    full.run()
    moment.rounds = MIDDLE_ROUNDS
    moment.now += 0.1 / SHARE - 0.01
    assert not full.is_due()
    moment.now += 0.02
    assert full.is_due()


def test_where_no_good_moment_comes_a_bad_one_does() -> None:
    moment = Moment()
    full = moment.full()
    moment.rounds = MIDDLE_ROUNDS
    assert full.is_due()
    moment.now += PATIENCE_S - 1
    assert not full.is_overdue()
    moment.now += 2
    assert full.is_overdue()
    full.run()
    assert not full.is_overdue()


def test_python_has_its_own_way_again_afterwards() -> None:
    before = gc.get_threshold()
    full = FullCollections()
    full.take_over()
    full.take_over()
    assert gc.get_threshold() == (*before[:2], NEVER)
    full.give_back()
    full.give_back()
    assert gc.get_threshold() == before
