"""When to try again: a fleet that lost its broker must not come back in one second."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class ReconnectPause:
    """Uniform jitter first, then exponential back-off with jitter (rule X-BIRTH-1). Seconds."""

    first_s: float
    longest_s: float
    random: random.Random = field(default_factory=random.Random)
    _failures: int = 0

    def connected(self) -> None:
        """A connection stood: begin again."""
        self._failures = 0

    def next(self) -> float:
        """How long to wait before the next attempt."""
        self._failures += 1
        if self._failures == 1:
            return self.random.uniform(0, min(self.first_s, self.longest_s))
        ceiling = min(self.longest_s, 2.0 ** min(self._failures - 1, 16))
        return self.random.uniform(ceiling / 2, ceiling)
