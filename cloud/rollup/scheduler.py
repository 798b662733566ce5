"""One round of making roll-ups: the hours that have closed, their days, and what came late.

Everything is idempotent and the progress is noted after the work: a kill at any point repeats some of it, and
two schedulers at once do the same work twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cloud.registry.port import LateRange
from cloud.rollup.plan import ceil, closed_until, floor, steps
from cloud.store.retention import Retention, cutoff_ms
from cloud.store.rollups import DAY_MS, HOUR_MS, Rollups, Tier

_LATE_A_PAGE: Final = 500


class RollupRecords(Protocol):
    """The calls of the registry that are needed here."""

    def rollup_progress(self) -> dict[str, int]: ...
    def set_rollup_progress(self, tier: str, until_ms: int) -> None: ...
    def late_ranges(
        self, *, devices: Sequence[str] | None = None, after: str = "", limit: int = 1000
    ) -> list[LateRange]: ...
    def late_done(self, ranges: Sequence[LateRange]) -> None: ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did."""

    hours: int
    """Intervals that were closed, each for all devices."""
    late_devices: int
    until_ms: int | None
    """Hours are rolled up until then; None in an empty store."""


class Scheduler:
    """Makes roll-ups. Blocking; used by one thread at a time."""

    def __init__(self, rollups: Rollups, records: RollupRecords, retention: Retention) -> None:
        self._rollups = rollups
        self._records = records
        self._retention = retention

    def round(self, now_ms: int) -> Round:
        """Do what is due.

        Raises:
            StoreUnavailable, RegistryUnavailable: it may be done again from the beginning.
        """
        progress = self._records.rollup_progress()
        until_ms = progress.get(Tier.HOUR.value)
        started_ms = self._first_hour() if until_ms is None else until_ms
        if started_ms is None:
            return Round(0, 0, None)
        reached_ms = started_ms
        for begin, end in steps(started_ms, closed_until(now_ms)):
            self._rollups.roll_up(Tier.HOUR, begin, end)
            self._records.set_rollup_progress(Tier.HOUR.value, end)
            reached_ms = end
        self._days(progress.get(Tier.DAY.value, floor(started_ms, DAY_MS)), floor(reached_ms, DAY_MS))
        late = sum(self._late(page, now_ms, reached_ms) for page in self._pages())
        return Round((reached_ms - started_ms) // HOUR_MS, late, reached_ms)

    def _first_hour(self) -> int | None:
        oldest_ms = self._rollups.oldest_ms()
        return None if oldest_ms is None else floor(oldest_ms, HOUR_MS)

    def _days(self, start_ms: int, end_ms: int) -> None:
        for begin, end in steps(start_ms, end_ms):
            self._rollups.roll_up(Tier.DAY, begin, end)
            self._records.set_rollup_progress(Tier.DAY.value, end)

    def _pages(self) -> Iterator[list[LateRange]]:
        after = ""
        while page := self._records.late_ranges(after=after, limit=_LATE_A_PAGE):
            yield page
            after = page[-1].device

    def _late(self, page: Sequence[LateRange], now_ms: int, reached_ms: int) -> int:
        # Of a day that retention has begun to take, what is left of its values would make wrong roll-ups.
        oldest_ms = max(cutoff_ms(self._retention.raw_days, now_ms) + DAY_MS, 0)
        for (start_ms, end_ms), devices in _by_range(page, oldest_ms, reached_ms).items():
            for begin, end in steps(start_ms, end_ms):
                self._rollups.roll_up(Tier.HOUR, begin, end, devices)
            for begin, end in steps(
                floor(start_ms, DAY_MS), min(ceil(end_ms, DAY_MS), floor(reached_ms, DAY_MS))
            ):
                self._rollups.roll_up(Tier.DAY, begin, end, devices)
        self._records.late_done(page)
        return len(page)


def _by_range(
    page: Sequence[LateRange], oldest_ms: int, reached_ms: int
) -> Mapping[tuple[int, int], list[str]]:
    """Devices that share a range of whole hours are done together; a gateway's devices come late together."""
    found: dict[tuple[int, int], list[str]] = {}
    for each in page:
        start_ms = max(floor(each.start_ms, HOUR_MS), oldest_ms)
        end_ms = min(ceil(each.end_ms, HOUR_MS), reached_ms)
        if start_ms < end_ms:
            found.setdefault((start_ms, end_ms), []).append(each.device)
    return found
