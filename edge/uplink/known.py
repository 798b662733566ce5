"""The last committed value of every metric, with the time it was measured: what births repeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from telemetry.readings import Reading


class KnownValues:
    """Last values by device and metric; births repeat them with their own times (rule X-TS-2)."""

    def __init__(self) -> None:
        self._readings: defaultdict[str, dict[str, Reading]] = defaultdict(dict)

    def learn(self, device: str, readings: Iterable[Reading]) -> None:
        """Take readings that have been committed; older ones than known are passed over."""
        known = self._readings[device]
        for reading in readings:
            before = known.get(reading.metric)
            if before is None or reading.time_ms >= before.time_ms:
                known[reading.metric] = reading

    def of(self, device: str) -> Mapping[str, Reading]:
        """Metric → last reading of `device`."""
        return self._readings.get(device, {})
