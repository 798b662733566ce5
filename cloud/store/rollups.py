"""Roll-ups: what is kept of an hour and of a day of one field, and how parts become a whole. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple, Protocol

from cloud.store.port import Aggregate, Sample
from telemetry.readings import Quality, Value

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Tier(StrEnum):
    """How long one roll-up is. Both begin at multiples of their length since 1970 UTC."""

    HOUR = "1h"
    DAY = "1d"

    @property
    def every_ms(self) -> int:
        """Its length."""
        return HOUR_MS if self is Tier.HOUR else DAY_MS


class Summary(NamedTuple):
    """What the good values of one field come to in one interval."""

    values: int
    """How many they are."""
    numbers: int
    """How many of them are numbers or switches; the others are texts."""
    total: float | None
    """Sum; None for texts, and where no float can hold it. Switches count as 0 and 1."""
    minimum: Value
    maximum: Value
    first: Value
    last: Value


class Rollups(Protocol):
    """What a store with roll-ups can do beside `Store`. Thread-safe; blocking; raises StoreUnavailable."""

    def oldest_ms(self) -> int | None:
        """Time of the oldest value that is still kept as measured; None in an empty store."""
        ...

    def roll_up(self, tier: Tier, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Make the roll-ups of [start_ms, end_ms), whole intervals; returns how many devices had values.

        Days are made from hours. Those of before are replaced, so that a repetition changes nothing.
        """
        ...

    def summaries(
        self, device: str, field: str, tier: Tier, start_ms: int, end_ms: int
    ) -> list[tuple[int, Summary]]:
        """Begin and summary of every interval in [start_ms, end_ms) that has any, ascending."""
        ...


def rollups_of(store: object) -> Rollups | None:
    """The roll-ups of `store`, where it keeps any: VictoriaMetrics does not. Raises StoreUnavailable."""
    found: Rollups | None = getattr(store, "rollups", None)
    return found


def summarise(values: Sequence[Value]) -> Summary | None:
    """The summary of good values in order of time; None where there are none."""
    if not values:
        return None
    numbers = [each for each in values if each is not None and not isinstance(each, str)]
    if not numbers:
        return Summary(len(values), 0, None, None, None, values[0], values[-1])
    return Summary(
        len(values), len(numbers), total_of(numbers), min(numbers), max(numbers), values[0], values[-1]
    )


def summarise_samples(samples: Iterable[Sample], every_ms: int) -> list[tuple[int, Summary]]:
    """One summary an interval from samples that ascend in time; only good ones count."""
    good = ((each.time_ms, each.value) for each in samples if each.quality is Quality.GOOD)
    found: list[tuple[int, Summary]] = []
    for begin, group in groupby(good, key=lambda each: each[0] - each[0] % every_ms):
        summary = summarise([value for _, value in group if value is not None])
        if summary is not None:
            found.append((begin, summary))
    return found


def combine(parts: Sequence[Summary]) -> Summary:
    """One summary of parts that follow each other in time; at least one."""
    if len(parts) == 1:
        return parts[0]
    lows = [each.minimum for each in parts if each.minimum is not None and not isinstance(each.minimum, str)]
    highs = [each.maximum for each in parts if each.maximum is not None and not isinstance(each.maximum, str)]
    totals = [each.total for each in parts if each.total is not None]
    return Summary(
        sum(each.values for each in parts),
        sum(each.numbers for each in parts),
        total_of(totals) if totals else None,
        min(lows) if lows else None,
        max(highs) if highs else None,
        parts[0].first,
        parts[-1].last,
    )


def value_of(summary: Summary, aggregate: Aggregate) -> Value:
    """What `aggregate` is of the interval; None where it is nothing (the mean of texts)."""
    if aggregate is Aggregate.MEAN:
        return None if summary.total is None else summary.total / summary.numbers
    plain: dict[Aggregate, Value] = {
        Aggregate.COUNT: summary.values,
        Aggregate.SUM: summary.total,
        Aggregate.MIN: summary.minimum,
        Aggregate.MAX: summary.maximum,
        Aggregate.FIRST: summary.first,
        Aggregate.LAST: summary.last,
    }
    return plain[aggregate]


def total_of(numbers: Sequence[bool | int | float]) -> float | None:
    """The sum, exact to the last bit; None where no float can hold it."""
    try:
        return math.fsum(numbers)
    except OverflowError:
        return None
