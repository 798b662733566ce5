"""EPIRICE: the season of one rice disease, day by day, for one plot or many at once.

Healthy sites H, latent L, infectious I, removed P; infections of a day form a cohort that is latent for p
days and infectious for i days. With Dis = L + I + P:

    infections(d) = I0 on the day of onset, later  I · Rc · (1 − Dis/(H+Dis))^a
    Rc = RcOpt · RcA(age) · RcT(temperature) · RcW(wetness)
    growth(d) = RRG·H·(1 − (H+Dis)/Sx)       senescence(d) = RRS·H + the cohort that stops being infectious
    intensity = (L+I)/(H+L+I)                AUDPC = trapezoid sum of intensity, in proportion · days

Source: Savary et al. 2012, Crop Protection 34:6-17; the mode says whose reading (docs/models/epirice.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from cloud.forecast.arrays import ArrayLike, BoolArray, FloatArray
from cloud.forecast.curves import interpolate
from cloud.forecast.errors import ModelInputFault
from cloud.forecast.rice.parameters import Disease, WetDay


class Mode(StrEnum):
    """Whose reading of the equations."""

    STRICT = "strict"
    """The published periods p and i, as in the IRRI code of 2009; days 0–120."""
    EPICROP = "epicrop"
    """epicrop 0.0.2: both periods one day longer, days 1–120. For comparison only."""


@dataclass(frozen=True, slots=True)
class _Reading:
    window_extra: int
    """Days by which cohorts stay longer than the published periods."""
    first_day: int
    """The number of the first day, with which the onset is compared."""
    days: int
    """Length of a whole season."""
    temperature_outside: float | None
    """Temperature factor beyond the curve's ends; None holds the end."""


_READINGS: Final = {
    Mode.STRICT: _Reading(window_extra=0, first_day=0, days=121, temperature_outside=None),
    Mode.EPICROP: _Reading(window_extra=1, first_day=1, days=120, temperature_outside=0.0),
}


def season_days(mode: Mode) -> int:
    """Days of a whole season, the day of emergence included."""
    return _READINGS[mode].days


@dataclass(frozen=True, slots=True)
class Epidemic:
    """What the season did, one row a day; arrays are (days,) or (days, plots) like the weather."""

    first_day: int
    """Number of the first row's day (0 in strict mode, 1 in epicrop mode)."""
    sites: FloatArray
    """Healthy sites."""
    latent: FloatArray
    infectious: FloatArray
    removed: FloatArray
    senesced: FloatArray
    infections: FloatArray
    """Sites newly infected on the day."""
    transfers: FloatArray
    """Sites that turn infectious."""
    growth: FloatArray
    senescence: FloatArray
    diseased: FloatArray
    """latent + infectious + removed."""
    intensity: FloatArray
    """Share of the living sites that is diseased, 0–1."""
    rate: FloatArray
    """The corrected infection rate RcOpt·RcA·RcT·RcW, per day."""
    unknown: BoolArray
    """Days without temperature or wetness; they infect nothing."""

    @property
    def audpc(self) -> FloatArray:
        """Area under the intensity curve, proportion · days; one number a plot."""
        return np.asarray(np.trapezoid(self.intensity, axis=0))


def wet_day_factor(limits: WetDay, humidity: ArrayLike, rain: ArrayLike) -> FloatArray:
    """1 on wet days, 0 on dry ones, NaN where neither can be told.

    Args:
        limits: From when a day is wet.
        humidity: Daily mean relative humidity, %.
        rain: Rain of the day, mm.
    """
    humidity, rain = np.asarray(humidity, dtype=float), np.asarray(rain, dtype=float)
    wet = (humidity >= limits.humidity_pct) | (rain >= limits.rain_mm)
    known = wet | ~(np.isnan(humidity) | np.isnan(rain))
    return np.where(known, wet.astype(float), np.nan)


def wet_hours_factor(disease: Disease, hours: ArrayLike) -> FloatArray:
    """The factor 0–1 for `hours` of leaf wetness a day; 1 for a disease that wetness does not drive."""
    hours = np.asarray(hours, dtype=float)
    if disease.wet_hours is None:
        return np.ones_like(hours)
    return interpolate(disease.wet_hours, hours)


def infection_rate(disease: Disease, mode: Mode, temperature: FloatArray, wetness: FloatArray) -> FloatArray:
    """The corrected infection rate Rc per day; rows are days from emergence. NaN where unknown."""
    ages = np.arange(len(temperature), dtype=float).reshape(-1, *[1] * (temperature.ndim - 1))
    curve = disease.age_strict if mode is Mode.STRICT and disease.age_strict else disease.age
    outside = _READINGS[mode].temperature_outside
    return (
        disease.optimum_rate
        * interpolate(curve, ages)
        * interpolate(disease.temperature, temperature, outside=outside)
        * wetness
    )


def simulate(disease: Disease, mode: Mode, temperature: ArrayLike, wetness: ArrayLike) -> Epidemic:
    """Run one season, or as much of it as there is weather for.

    Args:
        disease: Its parameters.
        mode: Whose reading of the equations.
        temperature: Daily mean °C from the day of emergence on; (days,) or (days, plots).
        wetness: The day's wetness factor 0–1 (`wet_day_factor`, `wet_hours_factor`), same shape. NaN in
            either array marks an unknown day, on which nothing is infected.

    Raises:
        ModelInputFault: the shapes differ, there is no day, or there are more days than the season has.
    """
    temperature, wetness = np.asarray(temperature, dtype=float), np.asarray(wetness, dtype=float)
    most = season_days(mode)
    if temperature.shape != wetness.shape or temperature.ndim not in (1, 2):
        raise ModelInputFault(
            f"EPIRICE: temperature {temperature.shape} and wetness {wetness.shape} must both be (days,) "
            "or both (days, plots); give one row a day from emergence"
        )
    if not 1 <= len(temperature) <= most:
        raise ModelInputFault(
            f"EPIRICE: {len(temperature)} days given, a season in {mode} mode has 1 to {most}; cut them"
        )
    rate = infection_rate(disease, mode, temperature, wetness)
    unknown = np.isnan(rate)
    return _Season(disease, mode, np.where(unknown, 0.0, rate)).run(unknown)


class _Season:
    """The state arrays of one run, filled a day at a time."""

    def __init__(self, disease: Disease, mode: Mode, rate: FloatArray) -> None:
        self._disease = disease
        self._mode = _READINGS[mode]
        self._rate = rate
        self._sites, self._latent, self._infectious, self._removed, self._senesced = self._columns(5)
        self._infections, self._transfers, self._growth, self._senescence = self._columns(4)
        self._diseased, self._intensity = self._columns(2)

    def _columns(self, count: int) -> list[FloatArray]:
        return [np.zeros_like(self._rate) for _ in range(count)]

    def run(self, unknown: BoolArray) -> Epidemic:
        for row in range(len(self._rate)):
            leaving = self._cohorts(row)
            self._rates(row, leaving)
        return Epidemic(
            first_day=self._mode.first_day,
            sites=self._sites,
            latent=self._latent,
            infectious=self._infectious,
            removed=self._removed,
            senesced=self._senesced,
            infections=self._infections,
            transfers=self._transfers,
            growth=self._growth,
            senescence=self._senescence,
            diseased=self._diseased,
            intensity=self._intensity,
            rate=self._rate,
            unknown=unknown,
        )

    def _cohorts(self, row: int) -> FloatArray:
        """Move sites and cohorts to the day of `row`; returns the cohort that stops being infectious."""
        latent_d = self._disease.latent_d + self._mode.window_extra
        infectious_d = self._disease.infectious_d + self._mode.window_extra
        if row == 0:
            self._sites[0] = self._disease.first_sites
        else:
            before = row - 1
            self._sites[row] = (
                self._sites[before]
                + self._growth[before]
                - self._infections[before]
                - self._senescence[before]
            )
            self._senesced[row] = self._senesced[before] + self._senescence[before]
        self._latent[row] = self._infections[max(0, row - latent_d) : row].sum(axis=0)
        self._infectious[row] = self._transfers[max(0, row - infectious_d) : row].sum(axis=0)
        if row > infectious_d:
            self._removed[row] = self._removed[row - 1] + self._transfers[row - infectious_d - 1]
        self._diseased[row] = self._latent[row] + self._infectious[row] + self._removed[row]
        if row >= latent_d:
            self._transfers[row] = self._infections[row - latent_d]
        return self._transfers[row - infectious_d] if row >= infectious_d else np.zeros_like(self._rate[0])

    def _rates(self, row: int, leaving: FloatArray) -> None:
        disease, sites, diseased = self._disease, self._sites[row], self._diseased[row]
        active = self._latent[row] + self._infectious[row]
        self._intensity[row] = active / (sites + active)
        day = row + self._mode.first_day
        if day == disease.onset_d:
            self._infections[row] = disease.first_infections
        elif day > disease.onset_d:
            free = 1 - diseased / (sites + diseased)
            self._infections[row] = self._infectious[row] * self._rate[row] * free**disease.aggregation
        self._growth[row] = disease.growth_rate * sites * (1 - (sites + diseased) / disease.most_sites)
        self._senescence[row] = disease.senescence_rate * sites + leaving
