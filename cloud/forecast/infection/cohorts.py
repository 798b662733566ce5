"""Infection events hour by hour: spores that land in each wet hour form a cohort with its own fate.

Each wet hour with a temperature inside the limits starts a cohort. A cohort adds up its wet hours and takes
their mean temperature; it infects in the first hour in which the sum reaches the hours that this temperature
needs, and dies when the leaf has been dry for longer than the pathogen bears. So a day has up to 24 events
(Bregaglio et al. 2012 made the generic model dynamic in this way).

An hour whose wetness or temperature is not known counts as dry: whatever it was, no event is invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.arrays import ArrayLike, BoolArray, DayArray, FloatArray
from cloud.forecast.errors import ModelInputFault
from cloud.forecast.infection.magarey import TIE_H, Limits, wet_hours_needed

HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class Infections:
    """One row an hour; arrays are (hours,) or (hours, plots) like the weather."""

    events: FloatArray
    """Cohorts that infected in the hour."""
    progress: FloatArray
    """How far the foremost living cohort is, 0–1."""
    unknown: BoolArray
    """Hours whose wetness or temperature was not known."""

    def daily(self, hours: DayArray) -> tuple[DayArray, FloatArray]:
        """Days and their index: events of the day over 24. `hours` are the starts of the rows, local time."""
        dates = hours.astype("datetime64[D]")
        days, place = np.unique(dates, return_inverse=True)
        totals = np.zeros((len(days), *self.events.shape[1:]))
        np.add.at(totals, place, self.events)
        return days, totals / HOURS_A_DAY


def infections(limits: Limits, temperature: ArrayLike, wet: ArrayLike) -> Infections:
    """Follow all cohorts through the hours.

    Args:
        limits: Of the pathogen.
        temperature: °C by the hour, without a hole; (hours,) or (hours, plots); NaN where not known.
        wet: 1 wet, 0 dry, NaN not known; same shape.

    Raises:
        ModelInputFault: the shapes differ.
    """
    celsius, wetness = np.asarray(temperature, dtype=float), np.asarray(wet, dtype=float)
    if celsius.shape != wetness.shape or celsius.ndim not in (1, 2):
        raise ModelInputFault(
            f"infection: temperature {celsius.shape} and wetness {wetness.shape} must both be (hours,) "
            "or both (hours, plots); give one row an hour"
        )
    unknown = np.isnan(celsius) | np.isnan(wetness)
    rows = celsius.reshape(len(celsius), -1)
    wet_rows = (np.where(unknown, 0, wetness) > 0).reshape(rows.shape)
    events, progress = np.zeros(rows.shape), np.zeros(rows.shape)
    cohorts = _Cohorts(limits, rows.shape[1])
    for hour in range(len(rows)):
        events[hour], progress[hour] = cohorts.step(rows[hour], wet_rows[hour])
    return Infections(events.reshape(celsius.shape), progress.reshape(celsius.shape), unknown)


class _Cohorts:
    """All living cohorts of all plots: a row a cohort, a column a plot; NaN heat marks one that is not."""

    def __init__(self, limits: Limits, plots: int) -> None:
        self._limits = limits
        self._wet_hours = np.zeros((0, plots))
        self._heat = np.zeros((0, plots))
        self._dry_hours = np.zeros(plots)

    def step(self, temperature: FloatArray, wet: BoolArray) -> tuple[FloatArray, FloatArray]:
        """One hour: events and the foremost progress of each plot."""
        self._dry_hours = np.where(wet, 0, self._dry_hours + 1)
        self._heat[:, self._dry_hours > self._limits.dry_gap_h] = np.nan
        if wet.any():
            self._grow(np.where(wet, temperature, 0.0), wet)
        reached = self._reached()
        done = reached >= 1
        self._heat[done] = np.nan
        living = ~np.isnan(self._heat)
        progress = np.where(living, reached, 0).max(axis=0, initial=0.0)
        events = done.sum(axis=0).astype(float)
        keep = living.any(axis=1)
        self._heat, self._wet_hours = self._heat[keep], self._wet_hours[keep]
        return events, np.where(events > 0, 1.0, progress)

    def _grow(self, heat: FloatArray, wet: BoolArray) -> None:
        self._heat = self._heat + heat
        self._wet_hours = self._wet_hours + wet
        suits = wet & (heat > self._limits.lowest) & (heat < self._limits.highest)
        self._heat = np.vstack((self._heat, np.where(suits, heat, np.nan)))
        self._wet_hours = np.vstack((self._wet_hours, np.ones(len(wet))))

    def _reached(self) -> FloatArray:
        """Wet hours had over wet hours needed, by cohort; 0 for the dead."""
        mean = self._heat / np.maximum(self._wet_hours, 1)
        share = (self._wet_hours + TIE_H) / wet_hours_needed(self._limits, mean)
        return np.where(np.isnan(share), 0.0, share)
