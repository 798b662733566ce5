"""Waiting between attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Doubling pauses with full jitter, so that many workers do not come back at one moment."""

    first_s: float
    longest_s: float
    random: random.Random = field(default_factory=random.SystemRandom)
    _attempts: int = 0

    def reset(self) -> None:
        """Begin with the shortest pause again, after a success."""
        self._attempts = 0

    def next_s(self) -> float:
        """Seconds to wait before the next attempt: between half and all of the present pause."""
        pause = min(self.first_s * 2.0 ** min(self._attempts, 30), self.longest_s)
        self._attempts += 1
        return pause * (0.5 + self.random.random() / 2)
