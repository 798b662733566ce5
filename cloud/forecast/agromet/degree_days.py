"""Degree-days between two thresholds."""

from __future__ import annotations

import numpy as np

from cloud.forecast.arrays import ArrayLike, FloatArray
from cloud.forecast.errors import ModelInputFault


def degree_days(
    temperature_min: ArrayLike, temperature_max: ArrayLike, lower: float, upper: float | None = None
) -> FloatArray:
    """Degree-days of a day by the single sine method with horizontal cut-off, °C · d.

    The day's temperature is a sine wave between its extremes (Baskerville and Emin 1969); what lies above
    `upper` counts as `upper`. NaN stays NaN.

    Raises:
        ModelInputFault: a maximum below its minimum, or `upper` not above `lower`.
    """
    lowest, highest = _extremes(temperature_min, temperature_max, lower, upper)
    counted = _above(lowest, highest, lower)
    return counted if upper is None else counted - _above(lowest, highest, upper)


def mean_degree_days(
    temperature_min: ArrayLike, temperature_max: ArrayLike, lower: float, upper: float | None = None
) -> FloatArray:
    """Degree-days from the mean of the extremes: the common short cut. Raises as `degree_days`."""
    lowest, highest = _extremes(temperature_min, temperature_max, lower, upper)
    counted = np.maximum((lowest + highest) / 2 - lower, 0)
    return counted if upper is None else np.minimum(counted, upper - lower)


def _extremes(
    temperature_min: ArrayLike, temperature_max: ArrayLike, lower: float, upper: float | None
) -> tuple[FloatArray, FloatArray]:
    lowest, highest = np.asarray(temperature_min, dtype=float), np.asarray(temperature_max, dtype=float)
    if (highest < lowest).any():
        raise ModelInputFault("degree-days: a daily maximum is below its minimum; check the columns' order")
    if upper is not None and upper <= lower:
        raise ModelInputFault(f"degree-days: the upper threshold {upper:g} is not above the lower {lower:g}")
    return lowest, highest


def _above(lowest: FloatArray, highest: FloatArray, threshold: float) -> FloatArray:
    """Mean height of the sine wave above `threshold`."""
    mean, swing = (lowest + highest) / 2, (highest - lowest) / 2
    crossing = (highest > threshold) & (lowest < threshold)
    sine = np.where(crossing, threshold - mean, 0) / np.where(crossing & (swing > 0), swing, 1)
    angle = np.arcsin(np.clip(sine, -1, 1))
    part = ((mean - threshold) * (np.pi / 2 - angle) + swing * np.cos(angle)) / np.pi
    whole = np.where(lowest >= threshold, mean - threshold, np.where(np.isnan(mean), np.nan, 0.0))
    return np.where(crossing, part, whole)
