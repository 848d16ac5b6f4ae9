"""Keeps one client from taking everybody's share: a request rate per client and a size for every body.

Must not wait or queue: beyond a limit the answer is 429 or 413 at once.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from payments_api.http.problems import Problem

LARGEST_BODY_BYTES = 1_048_576
MOST_CLIENTS = 10_000


class BodyTooLarge(Problem):
    """The body is, or turned out to be, larger than 1 MiB."""

    def __init__(self) -> None:
        super().__init__(
            413, "body_too_large", "The body is larger than 1 MiB.", headers={"Connection": "close"}
        )


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """A token bucket per client, in this process's memory.

    per_s: tokens a second, 0 for no limit; burst: most tokens a client may save up.
    At most MOST_CLIENTS are remembered; the one unseen longest is forgotten, which gives it a full bucket.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self.policy = f'"client";q={burst};w={math.ceil(burst / per_s) if per_s else 0}'

    def admit(self, client: str) -> dict[str, str]:
        """Take one token and return the `RateLimit` headers, none where there is no limit.

        Raises Problem 429 with `Retry-After` when the client has none left.
        """
        if not self._per_s:
            return {}
        bucket = self._fill(client)
        if bucket.tokens < 1:
            wait_s = math.ceil((1 - bucket.tokens) / self._per_s)
            raise Problem(
                429,
                "rate_limited",
                "Too many requests; wait before the next one.",
                headers={**self._headers(bucket), "Retry-After": str(wait_s)},
            )
        bucket.tokens -= 1
        return self._headers(bucket)

    def _fill(self, client: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(float(self._burst), now)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(client)
            bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._per_s)
            bucket.filled_at = now
        return bucket

    def _headers(self, bucket: _Bucket) -> dict[str, str]:
        full_in_s = math.ceil((self._burst - bucket.tokens) / self._per_s)
        return {
            "RateLimit-Policy": self.policy,
            "RateLimit": f'"client";r={max(0, int(bucket.tokens))};t={full_in_s}',
        }
