"""The station's own outlook with somebody else's forecast: each hour by what both were worth lately.

The foreign forecast is first freed from its bias at this station: the mean error of the same hour of the day
in earlier runs, over 30 days at most, drawn towards 0 while runs are few. Then each hour's expectation is the
mean of both, weighted by the inverse of their mean squared errors; without earlier runs it comes in from
+6 h to +18 h, where the station's own skill ends. Where it is old, absent or absurd, the station alone
speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, DayArray, FloatArray, IntArray
from cloud.forecast.outlook.climatology import DAY_H
from cloud.forecast.outlook.external import ExternalForecast
from cloud.forecast.outlook.outlook import Outlook
from cloud.forecast.weather.series import HourlyWeather

OLDEST_H: Final = 24
"""An older foreign forecast is not used."""
JUDGED_DAYS: Final = 30
LEAST_RUNS: Final = 5
"""Earlier runs needed before weights are learnt."""
_DRAWN: Final = 5.0
"""So many runs of no bias are added, that few runs say little."""
_ABSURD_C: Final = 15.0
"""A foreign temperature farther than this from the station's expectation is taken for an error."""
_RAMP_H: Final = (6.0, 18.0)
_FULL_WEIGHT: Final = 0.6


@dataclass(frozen=True, slots=True)
class Earlier:
    """A foreign run and the station's own outlook of the same hour, whose future has been measured since."""

    foreign: ExternalForecast
    own: Outlook


def blend(
    own: Outlook, foreign: ExternalForecast | None, measured: HourlyWeather, earlier: Sequence[Earlier] = ()
) -> Outlook:
    """`own`, improved by `foreign` where that is of use; `own` itself where it is not.

    Members keep their departures from the expectation, so the spread stays the station's.

    Args:
        own: the station's outlook.
        foreign: the newest foreign forecast, or None.
        measured: what the station measured, for judging `earlier`.
        earlier: runs of the last 30 days.
    """
    if foreign is None or abs(int((own.hours[0] - foreign.issued).astype(int))) > OLDEST_H:
        return own
    judged = list(earlier)[-JUDGED_DAYS:]
    foreign_temperature = foreign.at(own.hours, foreign.temperature)
    absurd = np.abs(foreign_temperature - own.temperature) > _ABSURD_C
    temperature, from_t = _better(
        own.hours,
        own.temperature,
        np.where(absurd, np.nan, foreign_temperature),
        [
            Run(
                each.own.hours,
                each.own.temperature,
                each.foreign.at(each.own.hours, each.foreign.temperature),
                _came(each.own.hours, measured.hours, measured.temperature),
            )
            for each in judged
        ],
    )
    humidity, from_h = _better(
        own.hours,
        own.humidity,
        np.where(absurd, np.nan, foreign.at(own.hours, foreign.humidity)),
        [
            Run(
                each.own.hours,
                each.own.humidity,
                each.foreign.at(each.own.hours, each.foreign.humidity),
                _came(each.own.hours, measured.hours, measured.humidity),
            )
            for each in judged
        ],
    )
    humidity = np.clip(humidity, 0.0, 100.0)
    used = from_t | from_h
    humidity_members = np.clip(own.humidity_members + (humidity - own.humidity), 0.0, 100.0)
    return replace(
        own,
        temperature=temperature,
        humidity=humidity,
        temperature_members=own.temperature_members + (temperature - own.temperature),
        humidity_members=humidity_members,
        wet_probability=np.where(used, (humidity_members >= 90.0).mean(axis=0), own.wet_probability),
        source=tuple("blend" if taken else was for taken, was in zip(used, own.source, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Run:
    """One quantity of an earlier run: what both had expected, and what came."""

    hours: DayArray
    own: FloatArray
    foreign: FloatArray
    came: FloatArray


def _better(
    hours: DayArray, own: FloatArray, foreign: FloatArray, earlier: Sequence[Run]
) -> tuple[FloatArray, BoolArray]:
    """The blended expectation, and where the foreign forecast has a part in it."""
    count = len(own)
    own_error = np.full((len(earlier), count), np.nan)
    foreign_error = np.full((len(earlier), count), np.nan)
    for row, run in enumerate(earlier):
        span = min(count, len(run.own))
        own_error[row, :span] = (run.came - run.own)[:span]
        foreign_error[row, :span] = (run.came - run.foreign)[:span]
    corrected = foreign + _bias(hours, earlier)
    weight = _weight(count, own_error, foreign_error)
    taken: BoolArray = ~np.isnan(corrected) & (weight > 0)
    return np.where(taken, (1 - weight) * own + weight * corrected, own), taken


def _came(hours: DayArray, measured_hours: DayArray, measured: FloatArray) -> FloatArray:
    place = np.searchsorted(measured_hours, hours)
    inside = np.minimum(place, len(measured_hours) - 1)
    return np.where(measured_hours[inside] == hours, measured[inside], np.nan)


def _bias(hours: DayArray, earlier: Sequence[Run]) -> FloatArray:
    """Mean foreign error by hour of the day, drawn towards 0."""
    total, known = np.zeros(DAY_H), np.zeros(DAY_H)
    for run in earlier:
        errors = run.came - run.foreign
        good = ~np.isnan(errors)
        at = _hour_of_day(run.hours[good])
        np.add.at(total, at, errors[good])
        np.add.at(known, at, 1.0)
    by_hour: FloatArray = total / (known + _DRAWN)
    return by_hour[_hour_of_day(hours)]


def _hour_of_day(hours: DayArray) -> IntArray:
    return hours.astype("datetime64[h]").astype(np.int64) % DAY_H


def _weight(count: int, own_error: FloatArray, foreign_error: FloatArray) -> FloatArray:
    """Share of the foreign forecast at each horizon, 0–1."""
    ahead = np.arange(1, count + 1)
    start, full = _RAMP_H
    ramp: FloatArray = np.clip((ahead - start) / (full - start), 0.0, 1.0) * _FULL_WEIGHT
    both = ~np.isnan(own_error) & ~np.isnan(foreign_error)
    runs = both.sum(axis=0)
    if not len(own_error) or runs.max() < LEAST_RUNS:
        return ramp
    centred = foreign_error - np.nanmean(np.where(both, foreign_error, np.nan))
    own_mse = np.where(both, own_error**2, 0.0).sum(axis=0) / np.maximum(runs, 1)
    foreign_mse = np.where(both, centred**2, 0.0).sum(axis=0) / np.maximum(runs, 1)
    learnt = own_mse / np.maximum(own_mse + foreign_mse, 1e-9)
    return np.where(runs >= LEAST_RUNS, learnt, ramp)
