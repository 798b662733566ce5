"""Fruit fly: whether next week's count in the traps will be above the garden's limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.output.parameters import FlyRisk

WEEK_OF_DEKAD: Final = 7 / 10
"""The parameters were fitted on counts of ten days."""


@dataclass(frozen=True, slots=True)
class FlyOutlook:
    """Flies a trap and week, a week ahead."""

    expected: float
    limit: float
    """Above twice the garden's median, or above the limit for all gardens, there are many."""
    probability: float
    """Of a count above the limit."""
    low: float
    high: float
    """The same with the dispersion halved and doubled."""


def fly_outlook(risk: FlyRisk, weekly: Sequence[float], mean_temperature: float) -> FlyOutlook:
    """Next week's count by the last two and the warmth.

    Args:
        risk: Parameters.
        weekly: Counts a trap and week, oldest first; at least two.
        mean_temperature: Of the last days, °C.
    """
    before, last = (count / WEEK_OF_DEKAD for count in weekly[-2:])
    warmth = np.clip(mean_temperature, risk.lower_c, risk.upper_c) - risk.lower_c
    expected = float(
        np.exp(
            risk.intercept
            + risk.last * np.log1p(last)
            + risk.before * np.log1p(before)
            + risk.warmth * warmth / (risk.reference_c - risk.lower_c)
        )
    )
    limit = min(risk.most_per_week, risk.times_median * max(1.0, float(np.median(weekly))))

    shares = [count_above(limit / WEEK_OF_DEKAD, expected, risk.size * times) for times in (1.0, 0.5, 2.0)]
    return FlyOutlook(expected * WEEK_OF_DEKAD, limit, shares[0], min(shares), max(shares))


def count_above(limit: float, expected: float, size: float) -> float:
    """Probability that a negative binomial count of mean `expected` and dispersion `size` exceeds `limit`."""
    success, failure = math.log(size / (size + expected)), math.log(expected / (size + expected))
    within = math.fsum(
        math.exp(
            math.lgamma(count + size)
            - math.lgamma(size)
            - math.lgamma(count + 1)
            + size * success
            + count * failure
        )
        for count in range(math.floor(limit) + 1)
    )
    return min(1.0, max(0.0, 1.0 - within))
