"""Times of readings: the middle of the exchange, never the same or earlier twice for a device."""

from __future__ import annotations

from collections.abc import Mapping

from edge.time.stamps import StrictTimes
from telemetry.clock import Clock


class Stamps:
    """Stamps by a clock that gives UTC or, while that is unknown, milliseconds since the machine started."""

    def __init__(self, clock: Clock, last_ms: Mapping[str, int] | None = None) -> None:
        """Begin after `last_ms`, the last time of each device that was already stored."""
        self._clock = clock
        self._times = StrictTimes(last_ms)

    def midpoint(self, device: str, started: float, ended: float) -> int:
        """Milliseconds of the middle of an exchange, given its monotonic start and end."""
        ago_s = self._clock.monotonic() - (started + ended) / 2
        return self.after_last(device, self._clock.now_ms() - round(ago_s * 1000))

    def now(self, device: str) -> int:
        """Milliseconds of now."""
        return self.after_last(device, self._clock.now_ms())

    def after_last(self, device: str, time_ms: int) -> int:
        """`time_ms`, or the first millisecond after the device's last one.

        A clock that was set back by more than a minute is followed, see `edge.time.stamps`.
        """
        return time_ms + self._times.shift_ms(device, time_ms, time_ms)
