"""Aggregates in Python, for what a server's query language cannot do: the meaning all stores agree on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

from cloud.store.port import Aggregate, Sample
from telemetry.readings import Quality, Value


def aggregate_samples(samples: Iterable[Sample], every_ms: int, aggregate: Aggregate) -> list[Sample]:
    """One sample an interval from `samples`, which ascend in time.

    Only good values count. MEAN and SUM are floats, COUNT an integer, the others keep the values' type.
    Texts have no mean, minimum, maximum or sum: an interval of texts is absent there.
    """
    good = (each for each in samples if each.quality is Quality.GOOD and each.value is not None)
    result: list[Sample] = []
    for begin, group in groupby(good, key=lambda each: each.time_ms - each.time_ms % every_ms):
        value = _one([each.value for each in group], aggregate)
        if value is not None:
            result.append(Sample(begin, value))
    return result


def _one(values: list[Value], aggregate: Aggregate) -> Value:
    match aggregate:
        case Aggregate.COUNT:
            return len(values)
        case Aggregate.FIRST:
            return values[0]
        case Aggregate.LAST:
            return values[-1]
    numbers = [each for each in values if each is not None and not isinstance(each, str)]
    return _of_numbers(numbers, aggregate) if numbers else None


def _of_numbers(numbers: list[bool | int | float], aggregate: Aggregate) -> Value:
    if aggregate is Aggregate.MIN:
        return min(numbers)
    if aggregate is Aggregate.MAX:
        return max(numbers)
    total = math.fsum(numbers)
    return total / len(numbers) if aggregate is Aggregate.MEAN else total
