"""Waiting longer after each failure, never in step with others."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `first_s` to `longest_s`, each time somewhere between half and all of it."""

    def __init__(self, first_s: float, longest_s: float, chance: random.Random) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._failures = 0

    def failed(self) -> float:
        """Seconds to wait before the next try."""
        delay = min(self._first_s * (1 << min(self._failures, 20)), self._longest_s)
        self._failures += 1
        return delay * self._chance.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Begin small again."""
        self._failures = 0
