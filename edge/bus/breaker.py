"""Isolation of units that do not answer: a circuit breaker for each, and one probe budget for the bus."""

from __future__ import annotations

import random
from typing import Final

FAILED_CYCLES: Final = 2
LONGEST_DELAY_S: Final = 60.0
PROBE_SHARE: Final = 0.05
"""Part of a bus's time that silent units may take from the others."""


class Breaker:
    """Closed while a unit answers; open after two failed cycles, then probed at growing distances."""

    def __init__(self, period_s: float, chance: random.Random) -> None:
        self._first_delay_s = 2 * period_s
        self._cap_s = max(LONGEST_DELAY_S, period_s)
        self._chance = chance
        self._failures = 0
        self.probe_at = 0.0
        """Monotonic time before which an open breaker wants no probe."""

    @property
    def is_open(self) -> bool:
        """Whether the unit counts as dead."""
        return self._failures >= FAILED_CYCLES

    def succeeded(self) -> None:
        """The unit answered."""
        self._failures = 0

    def failed(self, now: float) -> bool:
        """The unit did not answer in a whole cycle. True where that opens the breaker."""
        self._failures += 1
        if not self.is_open:
            return False
        steps = min(self._failures - FAILED_CYCLES, 16)
        delay = min(self._first_delay_s * 2**steps, self._cap_s)
        self.probe_at = now + delay * self._chance.uniform(0.8, 1.2)
        return self._failures == FAILED_CYCLES


class ProbeBudget:
    """A bucket that fills by 5 % of the time that passes, and pays for probes."""

    def __init__(self, largest_s: float) -> None:
        """Begin empty and save at most `largest_s`, the price of one probe: there are no bursts."""
        self._saved_s = 0.0
        self._largest_s = largest_s
        self._filled_at: float | None = None

    def allowed_at(self, now: float, cost_s: float) -> float:
        """Monotonic time from which a probe of `cost_s` may be made; 0 where it may be made at once."""
        self._fill(now)
        missing_s = min(cost_s, self._largest_s) - self._saved_s
        return now + missing_s / PROBE_SHARE if missing_s > 0 else 0.0

    def spend(self, now: float, seconds: float) -> None:
        """Pay for a probe that took `seconds`."""
        self._fill(now)
        self._saved_s -= seconds

    def _fill(self, now: float) -> None:
        passed_s = 0.0 if self._filled_at is None else now - self._filled_at
        self._saved_s = min(self._saved_s + passed_s * PROBE_SHARE, self._largest_s)
        self._filled_at = now
