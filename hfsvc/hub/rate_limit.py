"""The Hub's rate limits: what every answer tells of them, and one shared wait a bucket. No sleeping here.

Source: ``RateLimit: "api";r=499;t=240`` on every answer of the Hub (draft 09 of the IETF's rate-limit headers, observed
2026); the window is fixed, ``r`` requests are left in it, ``t`` seconds remain.
"""

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Literal, NamedTuple

Bucket = Literal["api", "resolvers"]
# Fractions are not in the RFC, but servers send them.
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_RATE_LIMIT = re.compile(r'"(\w+)"\s*;\s*r\s*=\s*(\d{1,9})\s*;\s*t\s*=\s*(\d{1,9})\b')


class Quota(NamedTuple):
    """What one answer told: `left` requests until `resets_in_s` seconds from then."""

    bucket: str
    left: int
    resets_in_s: int


def parse_rate_limit(header: str | None) -> Quota | None:
    """Read a ``RateLimit`` header leniently."""
    found = _RATE_LIMIT.search(header or "")
    return Quota(found[1], int(found[2]), int(found[3])) if found else None


def parse_retry_after(header: str | None, *, now: float | None = None) -> float | None:
    """Seconds in a ``Retry-After``: a number, or an HTTP date (RFC 9110 §10.2.3) against `now`, a Unix time."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, until - (time.time() if now is None else now))


def told_wait_s(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """How long an answer asks to wait before the next request, in seconds; None where it does not say.

    With nothing left in the window that is its end plus a second (as huggingface_hub waits), else ``Retry-After``.
    """
    quota = parse_rate_limit(headers.get("ratelimit"))
    if quota and quota.left == 0:
        return quota.resets_in_s + 1.0
    return parse_retry_after(headers.get("retry-after"), now=now)


class Limiter:
    """The state of all buckets. Times are seconds of one monotonic clock, which the caller passes in."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._resets_at: dict[str, float] = {}
        self._paused_until: dict[str, float] = {}

    def left(self, bucket: Bucket) -> int | None:
        """Requests left in the window, as far as answers told."""
        return self._left.get(bucket)

    def delay_s(self, bucket: Bucket, now: float) -> float:
        """Seconds until the next request of `bucket` may go. Every caller gets the same moment, so one wait serves all."""
        until = self._paused_until.get(bucket, 0.0)
        resets_at = self._resets_at.get(bucket, 0.0)
        if self._left.get(bucket) == 0:
            until = max(until, resets_at)
        return max(0.0, until - now)

    def spend(self, bucket: Bucket, now: float) -> None:
        """Count a request that is about to go, so that many at once do not overrun the window together."""
        if now >= self._resets_at.get(bucket, 0.0):
            self._left.pop(bucket, None)
        elif bucket in self._left:
            self._left[bucket] = max(0, self._left[bucket] - 1)

    def observe(self, headers: Mapping[str, str], now: float) -> None:
        """Learn from any answer."""
        if quota := parse_rate_limit(headers.get("ratelimit")):
            known = self._left.get(quota.bucket, quota.left)
            same_window = abs(self._resets_at.get(quota.bucket, 0.0) - (now + quota.resets_in_s + 1)) < 3
            # Answers arrive in any order: within a window the count only falls.
            self._left[quota.bucket] = min(known, quota.left) if same_window else quota.left
            self._resets_at[quota.bucket] = now + quota.resets_in_s + 1

    def pause(self, bucket: Bucket, wait_s: float, now: float) -> None:
        """Hold every request of `bucket` back for `wait_s` seconds."""
        self._paused_until[bucket] = max(self._paused_until.get(bucket, 0.0), now + wait_s)
