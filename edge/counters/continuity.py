"""Whether a value can follow the one before it: counters that restart, and changes faster than nature.

A counter that falls has wrapped around, was restarted with its instrument, or was read wrong. Only time
tells the last two apart: what falls, or leaps further than ever before, is held back as bad until several
readings in a row agree with each other. A fall that stays is a restart: from then on what the instrument
had counted before is added, so that a total never goes back. Values that were read wrong add nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NEAR_WRAP: Final = 0.1
"""A counter has wrapped where that means it went on by at most this part of its range."""
DUST: Final = 1e-6
"""Part of a total by which 32-bit floats may seem to go back."""
BELIEVED_AFTER: Final = 3
"""So many readings that agree make a leap believable."""
RISING: Final = 10
"""… or so many that only rise: the counter really is faster than ever."""
FASTER: Final = 20.0
"""A counter may go so many times faster than it ever did."""
SLACK: Final = 1000.0
"""What it may go on in any case, in the class's unit (1 kWh, 1 m³, 10 mm of rain, 1 km) …"""
SLACK_PART: Final = 0.01
"""… or this part of its total, whichever is more."""


@dataclass(slots=True)
class Total:
    """One counter of one device, in the class's unit."""

    offset: float = 0.0
    """What the instrument counted before its restarts."""
    last: float | None = None
    """Its own count at the last good reading."""
    _at_s: float = 0.0
    _fastest: float = 0.0
    """Units a second."""
    _before: float | None = None
    _doubted: float = 0.0
    _doubted_s: float = 0.0
    _agreeing: int = 0
    _rising: int = 0

    def follow(self, value: float, at_s: float, wraps_at: float | None) -> tuple[float | None, str]:
        """The total for the instrument's own count at second `at_s`, or None and why there is none yet."""
        last = self.last
        if last is None or self._can_follow(last, self._at_s, value, at_s):
            return self._go_on(value, at_s)
        if 0 < last - value <= DUST * last:
            return self.offset + last, ""
        if wraps_at is not None and 0 <= value + wraps_at - last <= NEAR_WRAP * wraps_at:
            self.offset += wraps_at
            return self._begin(value, at_s)
        if self._before is not None and self._can_follow(self._before, self._at_s, value, at_s):
            return self._go_on(value, at_s)  # what came in between was read wrong
        if not self._is_believed(value, at_s):
            how = "fell" if value < last else "leapt"
            return None, f"the counter {how} from {last:g} to {value:g}: believed if it stays there"
        if value < last:
            self.offset += last
        return self._begin(value, at_s)

    def _is_believed(self, value: float, at_s: float) -> bool:
        """Whether enough doubted readings agree with this one."""
        rises = self._rising > 0 and value >= self._doubted
        agrees = rises and self._can_follow(self._doubted, self._doubted_s, value, at_s)
        self._rising = self._rising + 1 if rises else 1
        self._agreeing = self._agreeing + 1 if agrees else 1
        if self._rising >= RISING:
            rate = (value - self._doubted) / max(at_s - self._doubted_s, 1.0)
            self._fastest = max(self._fastest, rate)
        self._doubted, self._doubted_s = value, at_s
        return self._agreeing >= BELIEVED_AFTER or self._rising >= RISING

    def _can_follow(self, other: float, other_s: float, value: float, at_s: float) -> bool:
        passed_s = max(at_s - other_s, 1.0)
        most = max(FASTER * self._fastest * passed_s, SLACK, SLACK_PART * (self.last or 0.0))
        # Nobody knows how fast a counter is that was never seen to move, or how long the gateway was off.
        is_unknown = self._fastest == 0.0 and self._before is None and self._agreeing == 0
        return value >= other and (is_unknown or value - other <= most)

    def _go_on(self, value: float, at_s: float) -> tuple[float, str]:
        """Take a count that follows the last good one, or the one before that."""
        last = self.last
        if last is not None and value >= last and at_s > self._at_s:
            if self._before is not None:
                self._fastest = max(self._fastest, (value - last) / max(at_s - self._at_s, 1.0))
            self._before = last
        elif last is not None and value < last:
            self._before = None
        return self._keep(value, at_s)

    def _begin(self, value: float, at_s: float) -> tuple[float, str]:
        """Take a count that begins anew."""
        self._before = None
        return self._keep(value, at_s)

    def _keep(self, value: float, at_s: float) -> tuple[float, str]:
        self.last, self._at_s, self._agreeing, self._rising = value, at_s, 0, 0
        return self.offset + value, ""


@dataclass(slots=True)
class Pace:
    """One quantity that cannot change faster than so much a second."""

    max_rate: float
    _value: float | None = None
    _at_s: float = 0.0
    _doubted: float = 0.0
    _doubted_s: float = 0.0
    _agreeing: int = 0

    def follow(self, value: float, at_s: float) -> str:
        """Why `value` is too far from the one before it; empty where it can be believed."""
        if self._value is None or self._is_near(value, at_s, self._value, self._at_s):
            return self._believe(value, at_s)
        agrees = self._agreeing > 0 and self._is_near(value, at_s, self._doubted, self._doubted_s)
        self._agreeing = self._agreeing + 1 if agrees else 1
        self._doubted, self._doubted_s = value, at_s
        if self._agreeing >= BELIEVED_AFTER:
            return self._believe(value, at_s)
        return f"{value:g} after {self._value:g} changes faster than {self.max_rate:g} a second"

    def _is_near(self, value: float, at_s: float, other: float, other_s: float) -> bool:
        return abs(value - other) <= self.max_rate * max(at_s - other_s, 1.0)

    def _believe(self, value: float, at_s: float) -> str:
        self._value, self._at_s, self._agreeing = value, at_s, 0
        return ""
