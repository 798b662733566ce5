"""The last good value of every point, for interlocks, lock-outs and light sensors."""

from __future__ import annotations

from collections.abc import Callable

from telemetry.readings import Batch, Quality, Value


class LastValues:
    """Fed with every scan; knows how old each value is by a clock that nobody can set."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._values: dict[tuple[str, str], tuple[Value, float]] = {}

    def note(self, batch: Batch) -> None:
        """Take the good readings of a scan."""
        now_s = self._monotonic()
        for reading in batch.readings:
            if reading.quality is Quality.GOOD and reading.value is not None:
                self._values[reading.device, reading.metric] = (reading.value, now_s)

    def good(self, device: str, metric: str, max_age_s: float) -> Value:
        """The last good value that is not older than `max_age_s`; None where nothing is known."""
        value, at_s = self._values.get((device, metric), (None, 0.0))
        return value if self._monotonic() - at_s <= max_age_s else None
