"""Isolation of units that do not answer: a circuit breaker for each, and one probe budget for the bus."""

from __future__ import annotations

import random
from typing import Final

FAILED_CYCLES: Final = 2
LONGEST_DELAY_S: Final = 60.0
NEW_DELAY_S: Final = 1.0
"""First distance of the probes of a unit that has never answered: it may only be slower than was thought."""
PROBE_SHARE: Final = 0.05
"""Part of a bus's time that silent units may take from the others."""


class Breaker:
    """Closed while a unit answers; open after two failed cycles, then probed at growing distances.

    A unit that has never answered counts as dead after its first failure.
    """

    def __init__(self, period_s: float, chance: random.Random) -> None:
        self._first_delay_s = 2 * period_s
        self._cap_s = max(LONGEST_DELAY_S, period_s)
        self._chance = chance
        self._failures = 0
        self.has_answered = False
        """Whether the unit has ever been heard."""
        self.probe_at = 0.0
        """Monotonic time before which an open breaker wants no probe."""

    @property
    def is_open(self) -> bool:
        """Whether the unit counts as dead."""
        return self._failures >= self._bearable

    @property
    def _bearable(self) -> int:
        return FAILED_CYCLES if self.has_answered else 1

    def succeeded(self) -> None:
        """The unit answered."""
        self._failures = 0
        self.has_answered = True

    def failed(self, now: float) -> bool:
        """The unit did not answer in a whole cycle. True where that opens the breaker."""
        self._failures += 1
        if not self.is_open:
            return False
        steps = min(self._failures - self._bearable, 16)
        first_s = self._first_delay_s if self.has_answered else min(self._first_delay_s, NEW_DELAY_S)
        delay = min(first_s * 2**steps, self._cap_s)
        self.probe_at = now + delay * self._chance.uniform(0.8, 1.2)
        return self._failures == self._bearable


class ProbeBudget:
    """A bucket that fills by 5 % of the time that passes, and pays for all waiting for silent units.

    The first question to a unit that was never heard is a probe too: later ones wait until it is paid.
    """

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
        """Pay for `seconds` spent on a silent unit."""
        self._fill(now)
        self._saved_s -= seconds

    def _fill(self, now: float) -> None:
        passed_s = 0.0 if self._filled_at is None else now - self._filled_at
        self._saved_s = min(self._saved_s + passed_s * PROBE_SHARE, self._largest_s)
        self._filled_at = now
