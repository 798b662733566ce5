"""How late the event loop is: what blocks it, blocks everything."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

TICK_S: Final = 0.25
_KEPT: Final = 240
"""Ticks, that is a minute."""


class LoopLag:
    """Wakes four times a second and looks how late it is."""

    def __init__(self) -> None:
        self._late_s: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            self.measured(now, now - before - TICK_S)

    def measured(self, now: float, late_s: float) -> None:
        """A wake-up at `now` came `late_s` too late."""
        self._late_s.append((now, max(0.0, late_s)))

    def worst_s(self, since: float) -> float:
        """The longest delay since monotonic `since`, as far as it is kept (a minute)."""
        return max((late for at, late in self._late_s if at >= since), default=0.0)
