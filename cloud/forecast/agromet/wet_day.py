"""Wet days run from noon to noon, so that a night of dew counts as one; a day is named after its morning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.arrays import DayArray, FloatArray, IntArray
from cloud.forecast.weather.series import DailyWeather, HourlyWeather

MOST_UNKNOWN_H: Final = 4
"""Hours of a day that may be unknown before the day is."""


@dataclass(frozen=True, slots=True)
class WetDays:
    """One row a day, each from noon of the day before to noon."""

    days: DayArray
    wet_hours: FloatArray
    """Hours known to be wet: a lower bound where hours are unknown; NaN where too many are."""
    unknown_hours: IntArray


def wet_days(hours: DayArray, wet: FloatArray, most_unknown: int = MOST_UNKNOWN_H) -> WetDays:
    """Sum hourly wetness over wet days.

    Args:
        hours: Start of each hour, local time, rising without a hole (`datetime64[h]`).
        wet: 1 wet, 0 dry, NaN unknown. Hours before the record begins and after it ends are unknown too.
        most_unknown: A day with more unknown hours has unknown wetness: unknown hours are never called wet.
    """
    days, place = _days(hours + np.timedelta64(12, "h"))
    wet_hours = np.bincount(place, np.nan_to_num(wet), len(days))
    unknown = 24 - np.bincount(place[~np.isnan(wet)], minlength=len(days)).astype(np.int64)
    return WetDays(days, np.where(unknown > most_unknown, np.nan, wet_hours), unknown)


def daily_weather(
    weather: HourlyWeather, wet: FloatArray, most_unknown: int = MOST_UNKNOWN_H
) -> DailyWeather:
    """Hours as the days that EPIRICE takes: means and rain of calendar days, wetness of wet days.

    A mean over a day with more than `most_unknown` unknown hours is unknown; so is rain with any hour
    unknown, for an unknown shower is not a dry hour.
    """
    days, place = _days(weather.hours)
    nights = wet_days(weather.hours, wet, most_unknown)

    def mean(values: FloatArray) -> FloatArray:
        known = np.bincount(place, ~np.isnan(values), len(days))
        total = np.bincount(place, np.nan_to_num(values), len(days))
        return np.where(known >= 24 - most_unknown, total / np.maximum(known, 1), np.nan)

    rain = np.full(len(days), np.nan)
    if weather.rain is not None:
        whole = np.bincount(place, ~np.isnan(weather.rain), len(days)) == 24
        rain = np.where(whole, np.bincount(place, np.nan_to_num(weather.rain), len(days)), np.nan)
    by_day = dict(zip(nights.days.tolist(), nights.wet_hours.tolist(), strict=True))
    return DailyWeather(
        days=days,
        temperature=mean(weather.temperature),
        humidity=mean(weather.humidity),
        rain=rain,
        wet_hours=np.array([by_day.get(day, np.nan) for day in days.tolist()]),
    )


def _days(hours: DayArray) -> tuple[DayArray, IntArray]:
    """The days from first to last, and each hour's place among them."""
    dates = hours.astype("datetime64[D]")
    days = dates[0] + np.arange(int((dates[-1] - dates[0]).astype(int)) + 1)
    return days, (dates - dates[0]).astype(np.int64)
