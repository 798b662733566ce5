"""What an hour of the day is usually like: the mean of the same hour on the days before."""

from __future__ import annotations

from typing import Final

import numpy as np

from cloud.forecast.arrays import FloatArray

DAY_H: Final = 24
CLIMATE_DAYS: Final = 14
LEAST_DAYS: Final = 3
"""Fewer same hours than this are no climate: the result is NaN."""


def shifted(values: FloatArray, hours: int) -> FloatArray:
    """`values` of `hours` before each hour; NaN before the beginning."""
    if hours == 0:
        return values.copy()
    moved = np.full(len(values), np.nan)
    moved[hours:] = values[:-hours]
    return moved


def usual(values: FloatArray, horizon_h: int, days: int = CLIMATE_DAYS) -> FloatArray:
    """For each origin, the mean of the hour `horizon_h` later on the `days` days before that are known then.

    Args:
        values: one value an hour without a hole; NaN is unknown.
        horizon_h: hours ahead, 0 or more; 0 is the climate of the origin's own hour without its own value.
        days: how many same hours are taken.
    """
    first = max(1, -(-horizon_h // DAY_H))
    total = np.zeros(len(values))
    count = np.zeros(len(values))
    for day in range(first, first + days):
        lag = DAY_H * day - horizon_h
        if lag >= len(values):
            break
        same = shifted(values, lag)
        known = ~np.isnan(same)
        total[known] += same[known]
        count += known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= LEAST_DAYS, total / count, np.nan)


def last_same_hour(values: FloatArray, horizon_h: int) -> FloatArray:
    """The newest value of the hour of the day that is `horizon_h` ahead: persistence by day."""
    return shifted(values, DAY_H * max(1, -(-horizon_h // DAY_H)) - horizon_h)


def trailing_mean(values: FloatArray, hours: int) -> FloatArray:
    """Mean of the last `hours` up to each hour; hours before the beginning count as 0."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    at = np.arange(1, len(values) + 1)
    mean: FloatArray = (sums[at] - sums[np.maximum(at - hours, 0)]) / hours
    return mean
