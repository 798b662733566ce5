"""How long to wait for an answer: learned from the unit's own turnarounds, bounded by the configuration."""

from __future__ import annotations

from collections import deque
from typing import Final

ENOUGH: Final = 5
"""Answers that make what was learned reliable."""
REMEMBERED: Final = 32


class AdaptiveTimeout:
    """Four times the slowest of the last answers, doubled after each silence, never above the cap.

    A unit that has not answered yet gets `start_s`: the configured time would be the price of every dead one.
    """

    def __init__(self, cap_s: float, floor_s: float, start_s: float) -> None:
        self._cap_s = cap_s
        self._floor_s = min(floor_s, cap_s)
        self._start_s = min(start_s, cap_s)
        self._turnarounds: deque[float] = deque(maxlen=REMEMBERED)
        self._slowest = 0.0
        self._silences = 0

    def seconds(self, wire_s: float) -> float:
        """Time to wait for an answer that takes `wire_s` on the wire."""
        if len(self._turnarounds) < ENOUGH:
            patience = max(self._start_s, 8 * self._slowest)
        else:
            patience = max(self._floor_s, 4 * self._slowest)
        return min(self._cap_s, patience * (1 << self._silences)) + wire_s

    def answered(self, turnaround_s: float) -> None:
        """Learn from an answer that took `turnaround_s` besides its time on the wire."""
        self._turnarounds.append(max(turnaround_s, 0.0))
        self._slowest = max(self._turnarounds)
        self._silences = 0

    def silent(self) -> None:
        """Be more patient next time: the unit may only have become slower."""
        self._silences = min(self._silences + 1, 8)
