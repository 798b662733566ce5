"""The weather of one station as an ensemble: what was measured, and the members of what may come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.agromet.gaps import bridge_temperature
from cloud.forecast.agromet.leaf_wetness import LeafWetness, estimate
from cloud.forecast.agromet.wet_day import MOST_UNKNOWN_H
from cloud.forecast.arrays import BoolArray, DayArray, FloatArray
from cloud.forecast.errors import NotEnoughData
from cloud.forecast.outlook.outlook import Outlook
from cloud.forecast.weather.series import HourlyWeather

SHOWN_PAST_D: Final = 14
SPIN_UP_D: Final = 2
"""Days before the shown ones, so that the first of them begins with what was wet already."""
DAY_H: Final = 24


@dataclass(frozen=True, slots=True)
class DailyExtremes:
    """Daily temperatures, (days, members)."""

    days: DayArray
    lowest: FloatArray
    highest: FloatArray


@dataclass(frozen=True, slots=True)
class HourlyEnsemble:
    """Whole days of hours from midnight on; arrays are (hours, members), NaN where not known."""

    days: DayArray
    temperature: FloatArray
    humidity: FloatArray
    wet: FloatArray
    rain: FloatArray
    wind: FloatArray

    @property
    def members(self) -> int:
        """How many courses."""
        return int(self.temperature.shape[1])

    def by_day(self, values: FloatArray) -> FloatArray:
        """`values` as (days, 24, members)."""
        return values.reshape(len(self.days), DAY_H, -1)

    @property
    def unknown(self) -> BoolArray:
        """Days with too many hours of unknown wetness or temperature to say anything, (days,)."""
        holes = np.isnan(self.temperature) | np.isnan(self.wet)
        told: BoolArray = (self.by_day(holes.astype(float)).sum(axis=1) > MOST_UNKNOWN_H).all(axis=1)
        return told

    @property
    def wet_hours(self) -> FloatArray:
        """Wet hours of each day from noon of the day before, (days, members); NaN on the first day."""
        half = DAY_H // 2
        known = np.nan_to_num(self.wet)[half:-half].reshape(len(self.days) - 1, DAY_H, -1).sum(axis=1)
        holes = np.isnan(self.wet)[half:-half].reshape(len(self.days) - 1, DAY_H, -1).sum(axis=1)
        nights = np.where(holes > MOST_UNKNOWN_H, np.nan, known)
        return np.concatenate((np.full((1, self.members), np.nan), nights))

    @property
    def mean_temperature(self) -> FloatArray:
        """Mean of each day, (days, members); NaN with too many hours unknown."""
        hours = self.by_day(self.temperature)
        known = (~np.isnan(hours)).sum(axis=1)
        mean = np.nan_to_num(hours).sum(axis=1) / np.maximum(known, 1)
        return np.where(known >= DAY_H - MOST_UNKNOWN_H, mean, np.nan)

    @property
    def extremes(self) -> DailyExtremes:
        """Lowest and highest of each day."""
        hours = self.by_day(self.temperature)
        known = (~np.isnan(hours)).sum(axis=1) >= DAY_H - MOST_UNKNOWN_H
        lowest = np.where(np.isnan(hours), np.inf, hours).min(axis=1)
        highest = np.where(np.isnan(hours), -np.inf, hours).max(axis=1)
        return DailyExtremes(self.days, np.where(known, lowest, np.nan), np.where(known, highest, np.nan))


@dataclass(frozen=True, slots=True)
class Station:
    """One station at one moment."""

    issued: np.datetime64
    """Last measured hour, local."""
    past: HourlyEnsemble
    """The whole record, one member."""
    near: HourlyEnsemble
    """The last days and those ahead, all members."""
    wetness: LeafWetness
    outlook: str

    @property
    def today(self) -> np.datetime64:
        """Day of issue: that of the first hour to come."""
        first: np.datetime64 = (self.issued + np.timedelta64(1, "h")).astype("datetime64[D]")
        return first


def station(past: HourlyWeather, outlook: Outlook | None, *, wind_height_m: float | None) -> Station:
    """Lay out past and members as whole days; a day that the members do not fill is left out.

    Args:
        past: What was measured; already checked.
        outlook: Members that begin with the hour after `past`; None where there are none.
        wind_height_m: Height of the anemometer; None where the wind is of no use for wetness.

    Raises:
        NotEnoughData: less than three whole days of record.
    """
    wetness = estimate(past, wind_height_m=wind_height_m)
    temperature, _ = bridge_temperature(past.temperature)
    measured = np.stack(
        (temperature, past.humidity, wetness.wet, _or_unknown(past.rain, past), _or_unknown(past.wind, past))
    )[:, :, None]
    skipped = int(-past.hours[0].astype("datetime64[h]").astype(int) % DAY_H)
    midnight = (past.hours[0] + skipped).astype("datetime64[D]")
    measured = measured[:, skipped:]
    whole = measured.shape[1] // DAY_H
    if whole < SPIN_UP_D + 1:
        raise NotEnoughData(
            f"weather: {whole} whole days are known; three days of record are needed for a forecast"
        )
    kept = (SHOWN_PAST_D + SPIN_UP_D) * DAY_H + measured.shape[1] % DAY_H
    near = measured[:, -kept:] if kept < measured.shape[1] else measured
    since = midnight + (measured.shape[1] - near.shape[1]) // DAY_H
    if outlook is not None:
        ahead = _members(outlook, wind_height_m)
        near = np.concatenate((np.repeat(near, ahead.shape[2], axis=2), ahead), axis=1)
    source = "none" if outlook is None else ("blend" if "blend" in outlook.source else outlook.source[0])
    return Station(past.hours[-1], _ensemble(midnight, measured), _ensemble(since, near), wetness, source)


def _ensemble(first: np.datetime64, columns: FloatArray) -> HourlyEnsemble:
    days = columns.shape[1] // DAY_H
    return HourlyEnsemble(first + np.arange(days), *columns[:, : days * DAY_H])


def _members(outlook: Outlook, wind_height_m: float | None) -> FloatArray:
    courses = []
    for number in range(len(outlook.temperature_members)):
        course = outlook.member(number)
        wet = estimate(course, wind_height_m=wind_height_m).wet
        rain, wind = _or_unknown(course.rain, course), _or_unknown(course.wind, course)
        courses.append(np.stack((course.temperature, course.humidity, wet, rain, wind)))
    return np.stack(courses, axis=2)


def _or_unknown(values: FloatArray | None, weather: HourlyWeather) -> FloatArray:
    return np.full(len(weather.hours), np.nan) if values is None else values
