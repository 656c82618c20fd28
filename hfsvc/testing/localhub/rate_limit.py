"""The Hub's rate limits: a fixed window for each bucket, told in headers on every answer."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hfsvc.testing.localhub.records import Bucket

DEFAULT_QUOTA: Mapping[Bucket, int] = {"api": 100_000, "resolvers": 500_000}


@dataclass
class FixedWindow:
    """Counts requests; the count starts again `window_s` seconds after the first request of a window."""

    bucket: Bucket
    quota: int
    window_s: float = 300
    clock: Callable[[], float] = time.monotonic
    _used: int = 0
    _ends: float = field(default=-math.inf)

    def take(self) -> bool:
        """Count one request; False when the quota was used up before it."""
        now = self.clock()
        if now >= self._ends:
            self._used, self._ends = 0, now + self.window_s
        self._used += 1
        return self._used <= self.quota

    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` as the Hub sends them (draft 09 of the IETF's rate limit headers)."""
        left = max(0, self.quota - self._used)
        reset = max(0, math.ceil(self._ends - self.clock()))
        return {
            "RateLimit": f'"{self.bucket}";r={left};t={reset}',
            "RateLimit-Policy": f'"fixed window";"{self.bucket}";q={self.quota};w={math.ceil(self.window_s)}',
        }
