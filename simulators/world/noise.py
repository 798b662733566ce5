"""Noise that is a function of (seed, name, time): the same at every call, in every process."""

from __future__ import annotations

import hashlib
import math
from typing import Final

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15  # splitmix64 (Steele, Lea, Flood 2014)


class Noise:
    """A named source of repeatable random numbers."""

    def __init__(self, seed: int, name: str) -> None:
        digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
        self._key = int.from_bytes(digest, "big")

    def uniform(self, index: int) -> float:
        """The `index`-th number, in [0, 1)."""
        word = (self._key + index * _STEP) & _MASK
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((word ^ (word >> 31)) >> 11) / (1 << 53)

    def between(self, low: float, high: float, index: int = 0) -> float:
        """The `index`-th number, in [low, high)."""
        return low + (high - low) * self.uniform(index)

    def smooth(self, time_s: float, period_s: float) -> float:
        """A continuous wandering in [-1, 1] that turns about once in `period_s` seconds."""
        position = time_s / period_s
        knot = math.floor(position)
        part = position - knot
        weight = part * part * (3 - 2 * part)
        return 2 * (self.uniform(knot) * (1 - weight) + self.uniform(knot + 1) * weight) - 1
