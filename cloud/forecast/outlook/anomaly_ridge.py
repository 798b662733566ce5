"""Anomaly ridge: how today departs from what is usual decides how the coming hours will.

y(t+h) = C(t+h) + x(t)·β, where C is the mean of the last 14 same hours that are known at t, and x holds the
departures of now, of the last hours and days, of a companion quantity, and their products with the hour of
the day. β is fitted by ridge regression on the station's own past, one for each horizon, without intercept.
Penalties differ by group: the farther ahead, the less the companion and the hour of the day may say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, FloatArray, IntArray
from cloud.forecast.outlook.climatology import DAY_H, last_same_hour, shifted, trailing_mean, usual

FOLDS: Final = 6
"""Blocks of the past; the error of each is judged by a fit without it."""
LEAST_ROWS: Final = 7 * DAY_H
"""Below this many hours of learning the forecast is the climate alone."""
_FAR_H: Final = 18
_NEAR: Final = (25.0, 100.0, 1000.0)
_FAR: Final = (100.0, 1e5, 3000.0)
"""Penalties of own departures, of the companion's, and of products with the hour of the day."""
_OWN, _COMPANION, _DAILY = 7, 3, 6


@dataclass(frozen=True, slots=True)
class Fit:
    """What was learnt for one horizon."""

    horizon_h: int
    weights: FloatArray
    scale: FloatArray
    rows: int
    """Hours of the past that it was learnt from; 0: the climate alone speaks."""
    origins: IntArray
    """Hours of the past from which it was judged, and"""
    errors: FloatArray
    """what came minus what a fit without that block had said."""


def fit(values: FloatArray, companion: FloatArray, first_hour: int, horizon_h: int) -> Fit:
    """Learn from everything that `values` and `companion` hold.

    Args:
        values: one value an hour without a hole, NaN where unknown.
        companion: another quantity of the same hours.
        first_hour: hour of the day of the first value, local time.
        horizon_h: hours ahead, 1 or more.
    """
    terms, climate = _terms(values, companion, first_hour, horizon_h)
    origins = np.arange(max(0, len(values) - horizon_h))
    departure = values[horizon_h:] - climate[: len(origins)]
    taken = origins[~np.isnan(departure) & ~np.isnan(climate[: len(origins)])]
    departure = departure[taken]
    if len(taken) < LEAST_ROWS:
        flat = np.zeros(terms.shape[1])
        return Fit(horizon_h, flat, flat + 1, 0, taken, departure)
    scale = terms[taken].std(axis=0) + 1e-9
    rows = terms[taken] / scale
    penalty = np.diag(_penalties(horizon_h))
    blocks = np.array_split(np.arange(len(taken)), FOLDS)
    grams = [rows[block].T @ rows[block] for block in blocks]
    sides = [rows[block].T @ departure[block] for block in blocks]
    gram, side = sum(grams) + penalty, sum(sides)
    errors = np.empty(len(taken))
    for block, without, its_side in zip(blocks, grams, sides, strict=True):
        weights = np.linalg.solve(gram - without, side - its_side)
        errors[block] = departure[block] - rows[block] @ weights
    return Fit(horizon_h, np.linalg.solve(gram, side), scale, len(taken), taken, errors)


def predict(
    learnt: Fit, values: FloatArray, companion: FloatArray, first_hour: int, origins: IntArray
) -> FloatArray:
    """What is expected `learnt.horizon_h` hours after each of `origins`; NaN where no climate is known.

    Only values up to each origin are used.
    """
    terms, climate = _terms(values, companion, first_hour, learnt.horizon_h)
    expected: FloatArray = climate[origins] + (terms[origins] / learnt.scale) @ learnt.weights
    return expected


def _terms(
    values: FloatArray, companion: FloatArray, first_hour: int, horizon_h: int
) -> tuple[FloatArray, FloatArray]:
    climate = usual(values, horizon_h)
    now = _departures(values)
    beside = _departures(companion)
    same = _settled(last_same_hour(values, horizon_h) - climate)
    before = _settled(shifted(last_same_hour(values, horizon_h), DAY_H) - climate)
    angle = 2 * np.pi * ((first_hour + np.arange(len(values)) + horizon_h) % DAY_H) / DAY_H
    sine, cosine = np.sin(angle), np.cos(angle)
    own = [
        *(now, _settled(shifted(now, 1)), _settled(shifted(now, 3))),
        *(trailing_mean(now, 6), trailing_mean(now, DAY_H), same, before),
    ]
    companions = [beside, trailing_mean(beside, DAY_H), trailing_mean(beside, 6)]
    daily = [each * wave for each in (now, beside, same) for wave in (sine, cosine)]
    return np.stack([*own, *companions, *daily], axis=1), climate


def _departures(values: FloatArray) -> FloatArray:
    """Departures from the climate of the own hour; nothing is known of a gap, so it departs by 0."""
    return _settled(values - usual(values, 0))


def _settled(values: FloatArray) -> FloatArray:
    unknown: BoolArray = np.isnan(values)
    return np.where(unknown, 0.0, values)


def _penalties(horizon_h: int) -> FloatArray:
    own, companion, daily = _NEAR if horizon_h < _FAR_H else _FAR
    return np.repeat([own, companion, daily], [_OWN, _COMPANION, _DAILY]).astype(float)
