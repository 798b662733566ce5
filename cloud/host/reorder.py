"""The order of one edge node's messages: `seq` counts 0 … 255 and begins again."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

MODULUS: Final = 256
_HALF: Final = MODULUS // 2


class Arrival(Enum):
    """How a message stands in the order."""

    NEXT = "next"
    AHEAD = "ahead"
    """Messages before it have not come yet."""
    LATE = "late"
    """One of those that were missed."""
    REPEATED = "repeated"
    """It came before, or long ago."""


@dataclass(slots=True)
class Order:
    """Which message is expected next, and which are missed since when."""

    expected: int = 0
    missed: dict[int, float] = field(default_factory=dict)
    """`seq` → when it was missed, in monotonic seconds."""

    def begin(self, seq: int) -> None:
        """An NBIRTH with `seq` begins a new count."""
        self.expected = (seq + 1) % MODULUS
        self.missed.clear()

    def take(self, seq: int, now_s: float) -> Arrival:
        """A message with `seq` has come."""
        ahead = (seq - self.expected) % MODULUS
        if ahead >= _HALF:
            return Arrival.REPEATED if self.missed.pop(seq, None) is None else Arrival.LATE
        for step in range(ahead):
            self.missed.setdefault((self.expected + step) % MODULUS, now_s)
        self.missed.pop(seq, None)  # missed a whole round ago
        self.expected = (seq + 1) % MODULUS
        return Arrival.AHEAD if ahead else Arrival.NEXT

    def lost(self, now_s: float, timeout_s: float) -> int:
        """How many messages have been missed for longer than `timeout_s`; they are given up."""
        over = [seq for seq, since_s in self.missed.items() if now_s - since_s >= timeout_s]
        for seq in over:
            del self.missed[seq]
        return len(over)
