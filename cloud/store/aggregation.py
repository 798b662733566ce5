"""Aggregates in Python, for what a server's query language cannot do: the meaning all stores agree on."""

from __future__ import annotations

from collections.abc import Iterable

from cloud.store.port import Aggregate, Sample
from cloud.store.rollups import summarise_samples, value_of


def aggregate_samples(samples: Iterable[Sample], every_ms: int, aggregate: Aggregate) -> list[Sample]:
    """One sample an interval from `samples`, which ascend in time.

    Only good values count. MEAN and SUM are floats, COUNT an integer, the others keep the values' type.
    Texts have no mean, minimum, maximum or sum: an interval of texts is absent there.
    """
    return [
        Sample(begin, value)
        for begin, summary in summarise_samples(samples, every_ms)
        if (value := value_of(summary, aggregate)) is not None
    ]
