"""A task's sign of life: until when it has promised the next one."""

from __future__ import annotations

import math
import time
from typing import Final

GRACE_S: Final = 10.0
"""What a busy machine may add to any promise."""


class Pulse:
    """A task says what it begins and how long that may take; whoever watches sees when it is late.

    A task that waits on purpose (nothing is due, or a lost line is left alone for a while) promises the end
    of its wait. One that waits for another watched part promises nothing: that part has a pulse of its own.
    """

    __slots__ = ("_due", "doing")

    def __init__(self) -> None:
        self._due = math.inf
        self.doing = "has not begun"
        """What the task does now, for the person who asks why it is late."""

    def within(self, seconds: float, doing: str) -> None:
        """The next sign of life comes within `seconds`, and some grace."""
        self._due = time.monotonic() + seconds + GRACE_S
        self.doing = doing

    def waits_for(self, part: str) -> None:
        """Nothing is promised until `part` goes on."""
        self._due = math.inf
        self.doing = f"waits for {part}"

    def late_s(self, now: float) -> float:
        """Seconds by which the promise is broken at monotonic `now`; 0 where it is kept."""
        return max(0.0, now - self._due)
