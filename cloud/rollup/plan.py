"""Which intervals are due, what counts as late, and from what a long range is read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cloud.store.rollups import DAY_MS, HOUR_MS, Tier

CLOSED_AFTER_MS: Final = 10 * 60_000
"""An hour is rolled up so long after its end."""
LATE_AFTER_MS: Final = 5 * 60_000
"""A value of an hour that ended so long ago marks it. The difference to the above is how far the clocks of
two machines may lie apart without a value falling between the two."""
LONGEST_STEP_MS: Final = DAY_MS
"""Made at once when catching up; then the progress is noted."""
LONGEST_RAW_MS: Final = 7 * DAY_MS
"""Values that a read of roll-ups sums up itself; a mark of more than that is not waited for."""


def floor(time_ms: int, every_ms: int) -> int:
    """The begin of the interval of `time_ms`."""
    return time_ms - time_ms % every_ms


def ceil(time_ms: int, every_ms: int) -> int:
    """The end of the interval that ends at `time_ms` or holds it."""
    return -floor(-time_ms, every_ms)


def closed_until(now_ms: int) -> int:
    """Hours that end until then may be rolled up."""
    return floor(now_ms - CLOSED_AFTER_MS, HOUR_MS)


def late_before(now_ms: int) -> int:
    """A value of before this time has come late."""
    return floor(now_ms - LATE_AFTER_MS, HOUR_MS)


def steps(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """[start_ms, end_ms) in parts that end at days, none longer than `LONGEST_STEP_MS`."""
    while start_ms < end_ms:
        until_ms = min(floor(start_ms, DAY_MS) + LONGEST_STEP_MS, end_ms)
        yield start_ms, until_ms
        start_ms = until_ms


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a range, and from what it is read: a tier, or the values themselves."""

    tier: Tier | None
    start_ms: int
    end_ms: int


def segments(
    start_ms: int,
    end_ms: int,
    *,
    every_ms: int,
    hours_until_ms: int,
    days_until_ms: int,
    late: tuple[int, int] | None,
) -> list[Segment] | None:
    """From what [start_ms, end_ms) in intervals of `every_ms` is read; None: from the values, all of it.

    Whole days by days, whole hours by hours; by values the edges, what is not rolled up yet, and late parts.
    """
    if every_ms % HOUR_MS:
        return None
    first, last = ceil(start_ms, HOUR_MS), min(floor(end_ms, HOUR_MS), hours_until_ms)
    if first >= last or end_ms - last > LONGEST_RAW_MS:
        return None
    parts = [Segment(None, start_ms, first)]
    if late is not None and late[1] - late[0] <= LONGEST_RAW_MS:
        begin = min(max(floor(late[0], HOUR_MS), first), last)
        end = min(max(ceil(late[1], HOUR_MS), begin), last)
        parts += _rolled(first, begin, every_ms, days_until_ms)
        parts.append(Segment(None, begin, end))
        parts += _rolled(end, last, every_ms, days_until_ms)
    else:
        parts += _rolled(first, last, every_ms, days_until_ms)
    parts.append(Segment(None, last, end_ms))
    return [each for each in parts if each.start_ms < each.end_ms]


def _rolled(start_ms: int, end_ms: int, every_ms: int, days_until_ms: int) -> list[Segment]:
    first, last = ceil(start_ms, DAY_MS), min(floor(end_ms, DAY_MS), days_until_ms)
    if every_ms % DAY_MS or first >= last:
        return [Segment(Tier.HOUR, start_ms, end_ms)]
    return [
        Segment(Tier.HOUR, start_ms, first),
        Segment(Tier.DAY, first, last),
        Segment(Tier.HOUR, last, end_ms),
    ]
