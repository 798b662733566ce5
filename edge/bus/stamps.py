"""Times of readings: never the same or earlier twice for a device, because stores overwrite equal times."""

from __future__ import annotations

from collections.abc import Mapping

from telemetry.clock import Clock


class Stamps:
    """Gives each device strictly increasing milliseconds."""

    def __init__(self, clock: Clock, last_ms: Mapping[str, int] | None = None) -> None:
        """Begin after `last_ms`, the last time of each device that was already stored."""
        self._clock = clock
        self._last_ms = dict(last_ms or {})

    def midpoint(self, device: str, started: float, ended: float) -> int:
        """UTC milliseconds of the middle of an exchange, given its monotonic start and end."""
        ago_s = self._clock.monotonic() - (started + ended) / 2
        return self.after_last(device, self._clock.now_ms() - round(ago_s * 1000))

    def now(self, device: str) -> int:
        """UTC milliseconds of now."""
        return self.after_last(device, self._clock.now_ms())

    def after_last(self, device: str, time_ms: int) -> int:
        """`time_ms`, or the first millisecond after the device's last one."""
        stamp = max(time_ms, self._last_ms.get(device, 0) + 1)
        self._last_ms[device] = stamp
        return stamp
