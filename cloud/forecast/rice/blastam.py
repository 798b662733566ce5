"""BLASTAM: whether a day let leaf blast infect, by wetness and temperature (Koshimizu 1988).

Made for Japan: above 25 °C it stops calling a day favourable. In the lowland tropics it is a tested
reference, not the rule to decide by (docs/models/blastam.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from cloud.forecast.agromet.wet_day import MOST_UNKNOWN_H, daily_weather, wet_days
from cloud.forecast.arrays import BoolArray, DayArray, FloatArray
from cloud.forecast.curves import Curve, interpolate
from cloud.forecast.errors import ModelInputFault
from cloud.forecast.weather.series import HourlyWeather
from telemetry.yaml_files import load_yaml

FILE: Final = Path(__file__).with_name("blastam.yaml")


class Verdict(StrEnum):
    """BLASTAM's classes; the numbers order nothing."""

    FAVOURABLE = "favourable"
    SEMI_1 = "semi-1"
    """Wet long enough, but the last five days too cool."""
    SEMI_2 = "semi-2"
    """… too warm."""
    SEMI_3 = "semi-3"
    """Wet long enough, but too cool or too warm while wet."""
    SEMI_4 = "semi-4"
    """Temperatures right, but wet too briefly for them."""
    NONE = "none"
    UNKNOWN = "unknown"


class BlastamParameters(BaseModel):
    """The content of blastam.yaml; °C, h, mm/h, m/s."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: str
    citation: str
    wet_hours: Curve
    semi_wet_h: float
    five_day_from: float
    five_day_below: float
    drying_wind_ms: float
    washing_rain_mm: float
    lasting_rain_mm: float


@cache
def blastam_parameters() -> BlastamParameters:
    """The shipped parameters. Raises ConfigError with file, line and field."""
    return load_yaml(FILE, BlastamParameters)


@dataclass(frozen=True, slots=True)
class WetPeriod:
    """Hours without a break in which the leaf was wet."""

    start: np.datetime64
    hours: int
    temperature: float
    """Mean, °C; NaN where an hour's temperature is not known."""


def wet_hours_needed(temperature: float) -> float:
    """Hours at a mean `temperature` of the wet period; between the table's degrees by a straight line.

    NaN outside 15–25 °C, where the table ends.
    """
    return float(interpolate(blastam_parameters().wet_hours, temperature, outside=np.nan))


def judge(wet_h: float, wet_temperature: float, five_day_mean: float) -> Verdict:
    """The class of a day.

    Args:
        wet_h: Length of its wet period, h.
        wet_temperature: Mean temperature of the wet period, °C; ignored where there is none.
        five_day_mean: Mean of the daily means of the last five days, this one included, °C.

    Returns:
        UNKNOWN where a figure that is needed is NaN. Exactly 25 °C over five days is too warm (class 2).
    """
    parameters = blastam_parameters()
    if wet_h <= 0:
        return Verdict.NONE
    if np.isnan([wet_h, wet_temperature, five_day_mean]).any():
        return Verdict.UNKNOWN
    needed = wet_hours_needed(wet_temperature)
    tempered = parameters.five_day_from <= five_day_mean < parameters.five_day_below
    if wet_h < parameters.semi_wet_h:
        return Verdict.SEMI_4 if tempered and wet_h < needed else Verdict.NONE
    if not tempered:
        return Verdict.SEMI_1 if five_day_mean < parameters.five_day_from else Verdict.SEMI_2
    if np.isnan(needed):
        return Verdict.SEMI_3
    return Verdict.FAVOURABLE if wet_h >= needed else Verdict.SEMI_4


def wet_periods(
    hours: DayArray, wet: FloatArray, temperature: FloatArray, wind: FloatArray, rain: FloatArray
) -> list[WetPeriod]:
    """The wet periods of a record, broken by dry or unknown hours, drying wind and spore-washing rain.

    Args:
        hours: Start of each hour, rising without a hole.
        wet: 1 wet, 0 dry, NaN unknown.
        temperature: °C.
        wind: m/s; above 3, or unknown, the hour breaks the period.
        rain: mm; 4 in the hour, or 3 in this and the hour before, break the period; so does an unknown hour.
    """
    parameters = blastam_parameters()
    lasting = rain >= parameters.lasting_rain_mm
    washed = lasting & np.concatenate(([False], lasting[:-1]))
    calm: BoolArray = wind <= parameters.drying_wind_ms
    holds: BoolArray = (wet > 0) & calm & (rain < parameters.washing_rain_mm) & ~washed
    edges = np.diff(np.concatenate(([0], holds.astype(int), [0])))
    return [
        WetPeriod(hours[start], int(end - start), float(temperature[start:end].mean()))
        for start, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """One wet day, from noon to noon, named after its morning."""

    day: np.datetime64
    verdict: Verdict
    period: WetPeriod | None
    """The period judged: the first favourable one, otherwise the longest; None where the day had none."""
    five_day_mean: float


def daily_verdicts(weather: HourlyWeather, wet: FloatArray) -> list[DayVerdict]:
    """Judge every day of an hourly record; a wet period belongs to the wet day in which it begins.

    A day with too many unknown hours of wetness is UNKNOWN unless the hours that are known suffice.

    Raises:
        ModelInputFault: the record has no wind or no rain, without which periods have no end.
    """
    if weather.wind is None or weather.rain is None:
        raise ModelInputFault("BLASTAM needs wind and rain by the hour; add the columns WIND and RAIN")
    nights = wet_days(weather.hours, wet)
    means = daily_weather(weather, wet)
    by_day = dict(zip(means.days.tolist(), _five_day_means(means.temperature).tolist(), strict=True))
    periods = wet_periods(weather.hours, wet, weather.temperature, weather.wind, weather.rain)
    told = []
    for day, unknown in zip(nights.days, nights.unknown_hours, strict=True):
        own = [
            each for each in periods if (each.start + np.timedelta64(12, "h")).astype("datetime64[D]") == day
        ]
        told.append(_of_day(day, own, by_day.get(day.item(), np.nan), bool(unknown > MOST_UNKNOWN_H)))
    return told


def _of_day(day: np.datetime64, periods: list[WetPeriod], five_day_mean: float, doubtful: bool) -> DayVerdict:
    judged = [(judge(each.hours, each.temperature, five_day_mean), each) for each in periods]
    for verdict, period in judged:
        if verdict is Verdict.FAVOURABLE:
            return DayVerdict(day, verdict, period, five_day_mean)
    verdict, longest = max(judged, key=lambda pair: pair[1].hours, default=(Verdict.NONE, None))
    return DayVerdict(day, Verdict.UNKNOWN if doubtful else verdict, longest, five_day_mean)


def _five_day_means(daily: FloatArray) -> FloatArray:
    """Mean of each day and the four before it; NaN where one is missing."""
    means = np.full(len(daily), np.nan)
    if len(daily) >= 5:
        means[4:] = np.lib.stride_tricks.sliding_window_view(daily, 5).mean(axis=1)
    return means
