"""The rate a client may keep."""

import pytest

from payments_api.http.limits import MOST_CLIENTS, RateLimiter
from payments_api.http.problems import Problem


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_one_a_tick() -> None:
    clock = Clock()
    limiter = RateLimiter(per_s=2, burst=3, clock=clock)
    assert [limiter.admit("a")["RateLimit"] for _ in range(3)] == [
        '"client";r=2;t=1',
        '"client";r=1;t=1',
        '"client";r=0;t=2',
    ]
    with pytest.raises(Problem) as refused:
        limiter.admit("a")
    assert refused.value.status_code == 429
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"] == "1"
    assert refused.value.headers["RateLimit-Policy"] == '"client";q=3;w=2'
    clock.now += 0.5
    limiter.admit("a")


def test_clients_do_not_share() -> None:
    limiter = RateLimiter(per_s=1, burst=1, clock=Clock())
    limiter.admit("a")
    limiter.admit("b")


def test_no_limit_has_no_headers() -> None:
    assert RateLimiter(per_s=0, burst=1).admit("a") == {}


def test_the_number_of_remembered_clients_is_bounded() -> None:
    limiter = RateLimiter(per_s=1, burst=1, clock=Clock())
    for number in range(MOST_CLIENTS + 5):
        limiter.admit(str(number))
    assert len(limiter._buckets) == MOST_CLIENTS
