"""How often somebody may try to log in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FREE_TRIES: Final = 5
"""Wrong tries of one account from one address before waiting begins."""
LONGEST_WAIT_S: Final = 900.0
ACCOUNT_RATE: Final = (30.0, 0.05)
"""Wrong tries of one account from anywhere: 30 at once, then 3 a minute."""
ADDRESS_RATE: Final = (60.0, 0.2)
"""Wrong tries from one address on any account: 60 at once, then 12 a minute."""
FORGET_AFTER_S: Final = 3600.0
_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class _Failures:
    count: int
    at: float


class Throttle:
    """Counts wrong tries; tells how many seconds to wait before the next.

    Each account-and-address pair waits 1, 2, 4 … seconds after `FREE_TRIES`; token buckets bound what many
    addresses do to one account, and one address to many accounts. Memory is bounded: what was used
    longest ago is forgotten.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._pairs: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def wait_s(self, account: str, address: str) -> float:
        """Seconds until a try is heard; 0 where it is heard now."""
        now = self._monotonic()
        return max(
            self._pair_wait(self._pairs.get((account, address)), now),
            self._bucket_wait(("account", account), ACCOUNT_RATE, now),
            self._bucket_wait(("address", address), ADDRESS_RATE, now),
        )

    def failed(self, account: str, address: str) -> None:
        """A wrong try."""
        now = self._monotonic()
        pair = self._pairs.pop((account, address), None)
        if pair is None or now - pair.at > FORGET_AFTER_S:
            pair = _Failures(0, now)
        self._pairs[account, address] = _Failures(pair.count + 1, now)
        if len(self._pairs) > _REMEMBERED:
            self._pairs.popitem(last=False)
        self._take(("account", account), ACCOUNT_RATE, now)
        self._take(("address", address), ADDRESS_RATE, now)

    def succeeded(self, account: str, address: str) -> None:
        """A right one: the pair begins anew; the buckets, which others may be emptying, do not."""
        self._pairs.pop((account, address), None)

    @staticmethod
    def _pair_wait(pair: _Failures | None, now: float) -> float:
        if pair is None or pair.count < FREE_TRIES:
            return 0.0
        wait = min(LONGEST_WAIT_S, 2.0 ** min(pair.count - FREE_TRIES, 20))
        return max(0.0, pair.at + wait - now)

    def _bucket_wait(self, key: tuple[str, str], rate: tuple[float, float], now: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return 0.0
        size, per_s = rate
        tokens = min(size, bucket.tokens + (now - bucket.at) * per_s)
        return 0.0 if tokens >= 1 else (1 - tokens) / per_s

    def _take(self, key: tuple[str, str], rate: tuple[float, float], now: float) -> None:
        size, per_s = rate
        bucket = self._buckets.pop(key, None) or _Bucket(size, now)
        tokens = min(size, bucket.tokens + (now - bucket.at) * per_s)
        self._buckets[key] = _Bucket(max(0.0, tokens - 1), now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
