"""Late values mark their intervals, before they are acknowledged: a restart forgets none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from cloud.rollup.plan import late_before
from cloud.store.port import Aggregate, Rejected, Row, Sample, Scan, Store
from cloud.store.rollups import Rollups, rollups_of
from telemetry.clock import Clock


class LateRecords(Protocol):
    """The call of the registry that is needed here."""

    def mark_late(self, ranges: Mapping[str, tuple[int, int]]) -> None: ...


def late_ranges(scans: Iterable[Scan | Row], before_ms: int) -> dict[str, tuple[int, int]]:
    """Device → range of the times in `scans` that lie before `before_ms`."""
    found: dict[str, tuple[int, int]] = {}
    for scan in scans:
        time_ms = scan.time_ms
        if time_ms >= before_ms:
            continue
        device = scan.channel.device if isinstance(scan, Row) else scan.device
        known = found.get(device)
        if known is None:
            found[device] = (time_ms, time_ms + 1)
        elif not known[0] <= time_ms < known[1]:
            found[device] = (min(known[0], time_ms), max(known[1], time_ms + 1))
    return found


class MarkingStore:
    """`cloud.store.port.Store` that notes which of the values it stores came late. Thread-safe.

    `write` raises RegistryUnavailable too, with the values stored and nothing marked: write them again.
    """

    def __init__(self, store: Store, records: LateRecords, clock: Clock) -> None:
        self._store = store
        self._records = records
        self._clock = clock

    @property
    def rollups(self) -> Rollups | None:
        """Those of the store itself."""
        return rollups_of(self._store)

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        """Store `scans`, then mark: a slow write is judged by the time of its end."""
        rejected = self._store.write(scans)
        late = late_ranges(scans, late_before(self._clock.now_ms()))
        if late:
            self._records.mark_late(late)
        return rejected

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, dict[str, Sample]]:
        """See the port."""
        return self._store.latest(devices)

    def series(
        self,
        device: str,
        field: str,
        start_ms: int,
        end_ms: int,
        *,
        every_ms: int | None = None,
        aggregate: Aggregate = Aggregate.MEAN,
        limit: int = 100_000,
    ) -> list[Sample]:
        """See the port."""
        return self._store.series(
            device, field, start_ms, end_ms, every_ms=every_ms, aggregate=aggregate, limit=limit
        )

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """See the port."""
        return self._store.count(start_ms, end_ms, devices)

    def ping(self) -> None:
        """See the port."""
        self._store.ping()

    def close(self) -> None:
        """See the port."""
        self._store.close()
