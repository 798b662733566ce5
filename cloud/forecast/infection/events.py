"""Infection events of many columns at once, each with limits of its own: stations, members, parameter draws.

The same cohorts as `cloud.forecast.infection.cohorts`, followed by wet hour instead of by hour: the n-th wet
hour of a cohort that began with wet hour i is wet hour i + n - 1 of its spell, so that one step takes all
cohorts of all columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.arrays import FloatArray, IntArray
from cloud.forecast.errors import ModelInputFault
from cloud.forecast.infection.magarey import TIE_H, Limits, wet_hours_needed

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class LimitColumns:
    """Limits by column; every array is (columns,). Fields as in `Limits`."""

    lowest: FloatArray
    optimum: FloatArray
    highest: FloatArray
    least_wet_h: FloatArray
    most_wet_h: FloatArray
    dry_gap_h: FloatArray

    def take(self, columns: IntArray) -> LimitColumns:
        """The limits of `columns`, in their order."""
        return LimitColumns(
            self.lowest[columns],
            self.optimum[columns],
            self.highest[columns],
            self.least_wet_h[columns],
            self.most_wet_h[columns],
            self.dry_gap_h[columns],
        )


def same_limits(limits: Limits, columns: int) -> LimitColumns:
    """`limits` for every one of `columns`."""
    return LimitColumns(*(np.full(columns, float(each)) for each in _fields(limits)))


def draw_limits(limits: Limits, ranges: Mapping[str, Range], draws: int, *, seed: int) -> LimitColumns:
    """Limits that vary within what is defensible: one column a draw, the same for the same seed.

    Args:
        limits: Of the pathogen; what `ranges` does not name stays as it is.
        ranges: Field of `Limits` → lowest and highest value; drawn evenly between them.
        draws: How many.
        seed: Chooses the draws.

    Raises:
        ModelInputFault: a range of an unknown field, or one that breaks the order of the limits.
    """
    chance = np.random.default_rng(seed)
    columns = dict(zip(_NAMES, (np.full(draws, float(each)) for each in _fields(limits)), strict=True))
    for name, (low, high) in ranges.items():
        if name not in columns or low > high:
            raise ModelInputFault(
                f"infection: the range {name} {low:g} … {high:g} fits no limit; correct the parameter file"
            )
        columns[name] = chance.uniform(low, high, draws)
    drawn = LimitColumns(**columns)
    ordered = (drawn.lowest < drawn.optimum) & (drawn.optimum < drawn.highest)
    if not (ordered & (drawn.least_wet_h <= drawn.most_wet_h)).all():
        raise ModelInputFault("infection: the ranges let limits cross; correct the parameter file")
    return drawn


def event_counts(limits: LimitColumns, temperature: FloatArray, wet: FloatArray) -> FloatArray:
    """Cohorts that infect in each hour, (hours, columns).

    Args:
        limits: Of each column.
        temperature: °C, (hours, columns), hours without a hole; NaN where not known.
        wet: 1 wet, 0 dry, NaN not known; same shape. What is not known counts as dry: no event is invented.

    Raises:
        ModelInputFault: the shapes differ.
    """
    if temperature.shape != wet.shape or temperature.shape[1:] != limits.lowest.shape:
        raise ModelInputFault(
            f"infection: temperature {temperature.shape}, wetness {wet.shape} and limits "
            f"{limits.lowest.shape} do not fit; give (hours, columns) and one set of limits a column"
        )
    hours, columns = temperature.shape
    place = np.flatnonzero(((wet > 0) & ~np.isnan(temperature)).T)
    column, hour = place // hours, place % hours
    heat = temperature.T.ravel()[place]
    own = limits.take(column)
    spell_end = _spell_ends(column, hour, own.dry_gap_h)
    warmth = np.concatenate(([0.0], np.cumsum(heat)))
    living = np.flatnonzero((heat > own.lowest) & (heat < own.highest))
    counts = np.zeros(len(place))
    wet_hours = 0
    while len(living):
        wet_hours += 1
        living = living[living + wet_hours <= spell_end[living]]
        reached = living + wet_hours
        mean = (warmth[reached] - warmth[living]) / wet_hours
        done = wet_hours_needed(own.take(living), mean) <= wet_hours + TIE_H
        counts += np.bincount(reached[done] - 1, minlength=len(place))
        living = living[~done]
    events = np.zeros(columns * hours)
    events[place] = counts
    return events.reshape(columns, hours).T


_NAMES: Final = ("lowest", "optimum", "highest", "least_wet_h", "most_wet_h", "dry_gap_h")


def _fields(limits: Limits) -> tuple[float, ...]:
    return tuple(float(getattr(limits, name)) for name in _NAMES)


def _spell_ends(column: IntArray, hour: IntArray, dry_gap_h: FloatArray) -> IntArray:
    """For each wet hour the place after the last of its spell, in which dry gaps are short enough."""
    if not len(column):
        return np.zeros(0, dtype=np.int64)
    apart = (np.diff(column) != 0) | (np.diff(hour) - 1 > dry_gap_h[1:])
    ends = np.concatenate((np.flatnonzero(apart) + 1, [len(column)]))
    lengths = np.diff(np.concatenate(([0], ends)))
    return np.repeat(ends, lengths)
