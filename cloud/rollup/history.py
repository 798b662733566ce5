"""Reading the past: from values, and from roll-ups where the range is long. The answer is the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, Protocol

from cloud.registry.port import LateRange
from cloud.rollup.plan import Segment, segments
from cloud.store.port import Aggregate, Sample, Store
from cloud.store.rollups import (
    HOUR_MS,
    Rollups,
    Summary,
    Tier,
    combine,
    rollups_of,
    summarise_samples,
    value_of,
)

_MOST_VALUES: Final = 1_000_000


class HistoryRecords(Protocol):
    """The calls of the registry that are needed here."""

    def rollup_progress(self) -> dict[str, int]: ...
    def late_ranges(
        self, *, devices: Sequence[str] | None = None, after: str = "", limit: int = 1000
    ) -> list[LateRange]: ...


class History:
    """Samples of the past. Thread-safe; blocking."""

    def __init__(self, store: Store, records: HistoryRecords) -> None:
        self._store = store
        self._records = records

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
        """As `Store.series`. Hours and longer are read from roll-ups as far as these are made.

        Counts, smallest, largest, first and last values are exactly those of the values; sums and means are
        equal but for the last bits of the float.

        Raises:
            StoreUnavailable, RegistryUnavailable: a database does not answer.
        """
        if every_ms is not None and every_ms % HOUR_MS == 0 and end_ms - start_ms > HOUR_MS:
            rollups = rollups_of(self._store)
            plan = None if rollups is None else self._plan(device, start_ms, end_ms, every_ms)
            if rollups is not None and plan is not None:
                parts = self._parts(rollups, plan, device, field)
                return _samples(parts, every_ms, aggregate)[:limit]
        return self._store.series(
            device, field, start_ms, end_ms, every_ms=every_ms, aggregate=aggregate, limit=limit
        )

    def _plan(self, device: str, start_ms: int, end_ms: int, every_ms: int) -> list[Segment] | None:
        progress = self._records.rollup_progress()
        marks = self._records.late_ranges(devices=[device])
        return segments(
            start_ms,
            end_ms,
            every_ms=every_ms,
            hours_until_ms=progress.get(Tier.HOUR.value, 0),
            days_until_ms=progress.get(Tier.DAY.value, 0),
            late=(marks[0].start_ms, marks[0].end_ms) if marks else None,
        )

    def _parts(
        self, rollups: Rollups, plan: Sequence[Segment], device: str, field: str
    ) -> Iterator[tuple[int, Summary]]:
        for each in plan:
            if each.tier is None:
                values = self._store.series(device, field, each.start_ms, each.end_ms, limit=_MOST_VALUES)
                yield from summarise_samples(values, HOUR_MS)
            else:
                yield from rollups.summaries(device, field, each.tier, each.start_ms, each.end_ms)


def _samples(parts: Iterator[tuple[int, Summary]], every_ms: int, aggregate: Aggregate) -> list[Sample]:
    found: list[Sample] = []
    for begin, group in groupby(parts, key=lambda part: part[0] - part[0] % every_ms):
        value = value_of(combine([summary for _, summary in group]), aggregate)
        if value is not None:
            found.append(Sample(begin, value))
    return found
