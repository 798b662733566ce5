"""A point in time, once for people and once for timers."""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.clock import Clock


@dataclass(frozen=True, slots=True)
class Moment:
    """Wall-clock and monotonic time of one instant: records take the first, timers the second."""

    ms: int
    """UTC milliseconds."""
    s: float
    """Seconds that never run backwards."""

    @classmethod
    def now(cls, clock: Clock) -> Moment:
        """The present instant."""
        return cls(clock.now_ms(), clock.monotonic())
