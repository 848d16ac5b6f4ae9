"""The breaker opens on many failures, tries once after a pause, and closes on a success."""

from __future__ import annotations

from recon_worker.wallets.providers.breaker import Breaker, BreakerState


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(least=3, open_s=10, clock=clock)
    for _ in range(3):
        assert breaker.admits()
        breaker.note(ok=False)
    return breaker, clock


def test_it_opens_and_admits_nobody() -> None:
    breaker, clock = opened()
    clock.now = 9.9
    assert (breaker.state, breaker.admits()) == (BreakerState.OPEN, False)


def test_half_open_admits_one_and_closes_when_it_succeeds() -> None:
    breaker, clock = opened()
    clock.now = 10
    assert breaker.state is BreakerState.HALF_OPEN
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.note(ok=True)
    assert (breaker.state, breaker.admits()) == (BreakerState.CLOSED, True)


def test_a_failed_trial_opens_it_again() -> None:
    breaker, clock = opened()
    clock.now = 10
    assert breaker.admits()
    breaker.note(ok=False)
    assert not breaker.admits()
    clock.now = 20
    assert breaker.admits()


def test_late_answers_of_before_do_not_close_it() -> None:
    breaker, _ = opened()
    breaker.note(ok=True)
    assert breaker.state is BreakerState.OPEN


def test_some_failures_among_many_successes_keep_it_closed() -> None:
    breaker = Breaker(least=3)
    for n in range(200):
        breaker.note(ok=n % 3 != 0)
    assert breaker.state is BreakerState.CLOSED
