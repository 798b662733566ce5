"""How long to wait for an answer: learned from the unit's own turnarounds, bounded by the configuration."""

from __future__ import annotations

from collections import deque
from typing import Final

ENOUGH: Final = 5
"""Answers before the learned time counts."""
REMEMBERED: Final = 32


class AdaptiveTimeout:
    """Four times the slowest of the last answers, doubled after each silence, never above the cap."""

    def __init__(self, cap_s: float, floor_s: float) -> None:
        self._cap_s = cap_s
        self._floor_s = min(floor_s, cap_s)
        self._turnarounds: deque[float] = deque(maxlen=REMEMBERED)
        self._silences = 0

    def seconds(self, wire_s: float) -> float:
        """Time to wait for an answer that takes `wire_s` on the wire."""
        if len(self._turnarounds) < ENOUGH:
            return self._cap_s + wire_s
        patience = max(self._floor_s, 4 * max(self._turnarounds)) * (1 << self._silences)
        return min(self._cap_s, patience) + wire_s

    def answered(self, turnaround_s: float) -> None:
        """Learn from an answer that took `turnaround_s` besides its time on the wire."""
        self._turnarounds.append(max(turnaround_s, 0.0))
        self._silences = 0

    def silent(self) -> None:
        """Be more patient next time: the unit may only have become slower."""
        self._silences = min(self._silences + 1, 8)
