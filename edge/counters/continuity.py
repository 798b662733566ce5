"""Whether a value can follow the one before it: counters that restart, and changes faster than nature.

A counter that falls has wrapped around, was restarted with its instrument, or was read wrong once. Only time
tells the last two apart: the first low value is held back as bad, the second makes it a restart. From then on
what the instrument had counted before is added, so that a total never goes back. A single high value that is
gone again at the next reading was read wrong as well, and is not added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NEAR_WRAP: Final = 0.1
"""A counter has wrapped where that means it went on by at most this part of its range."""
DUST: Final = 1e-6
"""Part of a total by which 32-bit floats may seem to go back."""
BELIEVED_AFTER: Final = 3
"""So many readings that agree make a fast change believable."""


@dataclass(slots=True)
class Total:
    """One counter of one device, in the class's unit."""

    offset: float = 0.0
    """What the instrument counted before its restarts."""
    last: float | None = None
    """Its own count at the last good reading."""
    _before: float | None = None
    _fallen_to: float | None = None

    def follow(self, value: float, wraps_at: float | None) -> tuple[float | None, str]:
        """The total for the instrument's own count, or None and why it cannot be told yet."""
        if self.last is None or value >= self.last:
            return self._go_on(value)
        if self.last - value <= max(DUST * abs(self.last), 0.0) and value > 0:
            return self.offset + self.last, ""
        if wraps_at is not None and value + wraps_at - self.last <= NEAR_WRAP * wraps_at:
            self.offset += wraps_at
            return self._go_on(value)
        if self._before is not None and value >= self._before:
            return self._go_on(value)  # what came in between was read wrong
        if self._fallen_to is None or value < self._fallen_to:
            self._fallen_to = value
            return None, f"the counter fell from {self.last:g} to {value:g}: a restart if it stays there"
        self.offset += self.last
        return self._go_on(value)

    def _go_on(self, value: float) -> tuple[float, str]:
        is_same_life = self.last is not None and value >= self.last
        self._before = self.last if is_same_life else None
        self.last, self._fallen_to = value, None
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
