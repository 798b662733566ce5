"""What is known of a series at the end of a week that may say something about a later one.

Everything is taken as log(1 + count) above log(1 + threshold), so that series of all sizes share one model;
everything is causal: a row holds nothing from after its week.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, FloatArray, IntArray
from cloud.forecast.counts.series import WEEKS, CountSeries

LAGS: Final = 8
_NEAR_WEEKS: Final = 2
_LEVEL_WEEKS: Final = 1
_PRIOR_WEEKS: Final = 2.0
"""Climatology begins as if the base rate had been seen in so many weeks."""
NAMES: Final = (
    *(f"lag_{lag}" for lag in range(LAGS)),
    *("mean_4", "mean_8", "max_8"),
    *("climatology", "climatology_logit", "usual_then", "usual_now"),
    *("rise", "year_before", "season_sine", "season_cosine", "above_now"),
)
MONOTONE: Final = (*(1,) * (LAGS + 3), 1, 1, 1, *(0,) * 5, 1)
"""More now, lately, or usually at that season never lowers the probability; the rest is free."""
CLIMATOLOGY: Final = NAMES.index("climatology")
ABOVE_NOW: Final = NAMES.index("above_now")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of features, one for each week from which something can be foreseen."""

    features: FloatArray
    above: FloatArray
    """Whether the count `lead` weeks later was above the threshold; NaN where nobody counted (yet)."""
    weeks: IntArray
    """Absolute week of the target."""

    def taken(self, rows: BoolArray) -> Table:
        """Some of the rows."""
        return Table(self.features[rows], self.above[rows], self.weeks[rows])


def table(series: CountSeries, lead_weeks: int, threshold: float, base_rate: float) -> Table:
    """Features of every week of `series` that was counted.

    Args:
        series: weekly counts.
        lead_weeks: weeks ahead, 1 or more.
        threshold: count above which a week is an event.
        base_rate: share of events before anything is known of a season, 0–1.
    """
    values = series.values
    level = np.log1p(values) - np.log1p(threshold)
    above = np.where(np.isnan(values), np.nan, values > threshold)
    count = len(values)
    now = np.flatnonzero(~np.isnan(values))
    season = series.weeks % WEEKS
    then = (season[now] + lead_weeks) % WEEKS
    events = _by_season(np.nan_to_num(above), season)
    counted = _by_season((~np.isnan(values)).astype(float), season)
    levels = _by_season(np.nan_to_num(level), season)
    seen_events, seen = (_around(each, now, then, _NEAR_WEEKS) for each in (events, counted))
    climatology = (seen_events + base_rate * _PRIOR_WEEKS) / (seen + _PRIOR_WEEKS)
    climatology = np.clip(climatology, 1e-3, 1 - 1e-3)
    usual_then = _mean_around(levels, counted, now, then)
    usual_now = _mean_around(levels, counted, now, season[now])
    lags = np.stack([_lagged(level, now, lag) for lag in range(LAGS)], axis=1)
    target = now + lead_weeks
    came = np.full(len(now), np.nan)
    inside = target < count
    came[inside] = above[target[inside]]
    angle = 2 * np.pi * then / WEEKS
    columns = [
        lags,
        *(_mean(lags[:, :4]), _mean(lags), _largest(lags)),
        *(climatology, np.log(climatology / (1 - climatology)), usual_then, usual_now),
        *(np.nan_to_num(lags[:, 0] - lags[:, 1]), _lagged(level, now, WEEKS - lead_weeks)),
        *(np.sin(angle), np.cos(angle), above[now]),
    ]
    rows = np.column_stack(columns)
    return Table(rows, came, series.weeks[now] + lead_weeks)


def _by_season(values: FloatArray, season: IntArray) -> FloatArray:
    """Running sums up to each week, one column for each week of the year."""
    spread = np.zeros((len(values), WEEKS))
    spread[np.arange(len(values)), season] = values
    return np.cumsum(spread, axis=0)


def _around(sums: FloatArray, now: IntArray, season: IntArray, reach: int) -> FloatArray:
    near = [sums[now, (season + offset) % WEEKS] for offset in range(-reach, reach + 1)]
    total: FloatArray = np.sum(near, axis=0)
    return total


def _mean_around(levels: FloatArray, counted: FloatArray, now: IntArray, season: IntArray) -> FloatArray:
    total = _around(levels, now, season, _LEVEL_WEEKS)
    known = _around(counted, now, season, _LEVEL_WEEKS)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known > 0, total / known, np.nan)


def _lagged(level: FloatArray, now: IntArray, lag: int) -> FloatArray:
    at = now - lag
    return np.where(at >= 0, level[np.maximum(at, 0)], np.nan)


def _mean(lags: FloatArray) -> FloatArray:
    known = ~np.isnan(lags)
    mean: FloatArray = np.where(known, lags, 0.0).sum(axis=1) / known.sum(axis=1)
    return mean


def _largest(lags: FloatArray) -> FloatArray:
    largest: FloatArray = np.nanmax(lags, axis=1)
    return largest
