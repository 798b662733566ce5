"""The last committed value of every metric, with the time it was measured: what births repeat.

Births are rare and scans are not. So the last scans are kept as they were committed, one of each set of
metrics, and are only read when a birth wants them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from edge.spool.batches import SpooledBatch, decode_readings
from telemetry.readings import Reading
from telemetry.sparkplug.payload import metric_names

_SCANS: Final = 16
"""Sets of metrics of one device that are kept unread; report by exception makes many."""


class KnownValues:
    """Last values by device and metric; births repeat them with their own times (rule X-TS-2)."""

    def __init__(self) -> None:
        self._readings: defaultdict[str, dict[str, Reading]] = defaultdict(dict)
        self._scans: defaultdict[str, dict[frozenset[str], SpooledBatch]] = defaultdict(dict)

    def learn(self, batch: SpooledBatch) -> None:
        """Take a batch that has been committed; values older than known ones are passed over."""
        scans = self._scans[batch.device]
        metrics = metric_names(batch.metrics)
        before = scans.get(metrics)
        if before is not None:
            if before.time_ms > batch.time_ms:
                return
            del scans[metrics]  # goes to the end: of equal times the later one counts
        scans[metrics] = batch
        if len(scans) > _SCANS:
            self._read(batch.device)

    def of(self, device: str) -> Mapping[str, Reading]:
        """Metric → last reading of `device`."""
        self._read(device)
        return self._readings.get(device, {})

    def _read(self, device: str) -> None:
        for batch in self._scans.pop(device, {}).values():
            known = self._readings[device]
            for reading in decode_readings(device, batch.metrics):
                before = known.get(reading.metric)
                if before is None or reading.time_ms >= before.time_ms:
                    known[reading.metric] = reading
