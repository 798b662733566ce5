"""Which points are good now: what a new configuration is measured by."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

from telemetry.readings import Batch, Quality, Reading

PointName: TypeAlias = tuple[str, str]
"""Device and metric."""


class PointWatch:
    """Keeps the last scan of every instrument; bounded by the number of instruments and points."""

    def __init__(self) -> None:
        self._latest: dict[PointName, tuple[Reading, ...]] = {}

    def saw(self, batch: Batch) -> None:
        """A scan was made. One look-up a scan, whatever its size."""
        if batch.readings:
            key = (batch.device, batch.readings[0].metric)
            self._latest.pop(key, None)  # goes to the end: later scans win
            self._latest[key] = batch.readings

    def forget(self, devices: Iterable[str]) -> None:
        """Nothing is known any more of these devices."""
        gone = frozenset(devices)
        self._latest = {key: scan for key, scan in self._latest.items() if key[0] not in gone}

    def good(self, up: Collection[str]) -> frozenset[PointName]:
        """The points whose last value was good, of devices that are `up`."""
        state: dict[PointName, bool] = {}
        for scan in self._latest.values():
            for reading in scan:
                state[reading.device, reading.metric] = reading.quality is Quality.GOOD
        return frozenset(name for name, is_good in state.items() if is_good and name[0] in up)
