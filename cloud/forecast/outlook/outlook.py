"""The next hours at a station: what is expected, and members that show how sure that is.

Expectation of temperature and humidity: anomaly ridge. Members: the errors that the same fit made from hours
of the day like this one, each path of errors whole, so that hours and quantities stay consistent; rain and
wind of a member are those that followed then. No skill is claimed for rain beyond its climate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, DayArray, FloatArray, IntArray
from cloud.forecast.errors import ModelInputFault, WeatherFault
from cloud.forecast.outlook.anomaly_ridge import Fit, fit, predict
from cloud.forecast.outlook.climatology import DAY_H
from cloud.forecast.weather.series import HourlyWeather

MODEL: Final = "station-outlook"
VERSION: Final = "1.0"
CITATION: Final = "anomaly ridge on the 14-day climatology of the hour; docs/models/station-outlook.md"
LONGEST_H: Final = 72
WET_HUMIDITY: Final = 90.0
JUDGED_DAYS: Final = 60
"""How far back errors are taken from."""
NEAR_HOURS: Final = 2
"""Errors from origins up to so many hours of the day away count as like now."""
KERNEL: Final = 1.0
"""Width by which an error of humidity is smeared, %: a record is never seen twice to the digit."""
_RAINED_MM: Final = 0.2


@dataclass(frozen=True, slots=True)
class Outlook:
    """Weather to come at one station; first axis of members is the member, second the hour."""

    hours: DayArray
    """Start of each hour, local time."""
    temperature: FloatArray
    """Expected, °C."""
    humidity: FloatArray
    """Expected relative humidity, %."""
    wet_probability: FloatArray
    """Probability that relative humidity reaches 90 %."""
    temperature_members: FloatArray
    humidity_members: FloatArray
    rain_members: FloatArray | None
    """mm in the hour; None where the station measures no rain."""
    wind_members: FloatArray | None
    """m/s; None where the station measures no wind."""
    learnt_hours: int
    """Hours of the past it was learnt from; 0: the climate of the last days alone speaks."""
    source: tuple[str, ...]
    """Where each hour's expectation comes from: `station`, `blend` or `climate`."""

    def member(self, number: int) -> HourlyWeather:
        """One possible course, as the disease models take it."""
        return HourlyWeather(
            self.hours,
            self.temperature_members[number],
            self.humidity_members[number],
            wind=None if self.wind_members is None else self.wind_members[number],
            rain=None if self.rain_members is None else self.rain_members[number],
        )


def look_ahead(
    past: HourlyWeather, hours: int = LONGEST_H, members: int = 30, *, seed: int = 0
) -> Outlook | None:
    """The outlook from the last hour of `past`; None where the past is too short or too broken for any.

    Args:
        past: what the station measured, hourly; nothing after its last hour is known.
        hours: 1 … 72.
        members: how many possible courses; 1 or more.
        seed: chooses the members; the same seed and past give the same outlook.

    Raises:
        ModelInputFault: hours or members out of bounds.
        WeatherFault: the last hour is unknown in temperature or humidity for more than a day.
    """
    if not 1 <= hours <= LONGEST_H:
        raise ModelInputFault(f"hours: {hours} is not within 1 … {LONGEST_H}; ask for at most three days")
    if members < 1:
        raise ModelInputFault(f"members: {members} is too few; give at least 1")
    _refuse_silence(past)
    first_hour = int(past.hours[0].astype("datetime64[h]").astype(int)) % DAY_H
    fits = [
        (
            fit(past.temperature, past.humidity, first_hour, ahead),
            fit(past.humidity, past.temperature, first_hour, ahead),
        )
        for ahead in range(1, hours + 1)
    ]
    now = np.array([len(past.hours) - 1])
    temperature = np.array(
        [predict(each, past.temperature, past.humidity, first_hour, now)[0] for each, _ in fits]
    )
    humidity = np.array(
        [predict(each, past.humidity, past.temperature, first_hour, now)[0] for _, each in fits]
    )
    if np.isnan(temperature).any() or np.isnan(humidity).any():
        return None
    humidity = np.clip(humidity, 0.0, 100.0)
    origins = _origins(past, hours)
    chance = np.random.default_rng(seed)
    drawn = chance.choice(origins, members) if len(origins) else np.full(members, -1)
    humidity_members = np.clip(_members(humidity, [each for _, each in fits], drawn), 0.0, 100.0)
    learnt = min(min(each.rows, other.rows) for each, other in fits)
    return Outlook(
        hours=past.hours[-1] + 1 + np.arange(hours),
        temperature=temperature,
        humidity=humidity,
        wet_probability=np.array(
            [wet_probability(humidity[at], fits[at][1], int(now[0])) for at in range(hours)]
        ),
        temperature_members=_members(temperature, [each for each, _ in fits], drawn),
        humidity_members=humidity_members,
        rain_members=_followed(past.rain, drawn, hours),
        wind_members=_followed(past.wind, drawn, hours),
        learnt_hours=learnt,
        source=("station" if learnt else "climate",) * hours,
    )


def _refuse_silence(past: HourlyWeather) -> None:
    known = np.flatnonzero(past.known)
    if not len(known) or len(past.hours) - 1 - known[-1] >= DAY_H:
        last = str(past.hours[known[-1]]) if len(known) else "never"
        raise WeatherFault(
            f"weather: temperature and humidity are last known at {last}; an outlook needs the last day"
        )


def _origins(past: HourlyWeather, hours: int) -> IntArray:
    """Hours like now whose whole future is known: near in the hour of the day, alike in rain."""
    last = len(past.hours) - 1
    lags = np.arange(hours, JUDGED_DAYS * DAY_H + hours)
    offset = (lags + DAY_H // 2) % DAY_H - DAY_H // 2
    candidates = last - lags[np.abs(offset) <= NEAR_HOURS]
    candidates = candidates[candidates >= DAY_H]
    if past.rain is None or not len(candidates):
        return candidates
    rained = _rained(past.rain)
    alike = candidates[rained[candidates] == rained[last]]
    return alike if len(alike) >= len(candidates) // 4 else candidates


def _rained(rain: FloatArray) -> BoolArray:
    sums = np.cumsum(np.insert(np.nan_to_num(rain), 0, 0.0))
    at = np.arange(1, len(rain) + 1)
    fallen: BoolArray = sums[at] - sums[np.maximum(at - DAY_H, 0)] >= _RAINED_MM
    return fallen


def _members(expected: FloatArray, fits: list[Fit], drawn: IntArray) -> FloatArray:
    """Expectation plus the errors from the drawn origins; an error that is not known is 0."""
    return expected + np.stack([_errors_from(each, drawn) for each in fits], axis=1)


def _errors_from(learnt: Fit, origins: IntArray) -> FloatArray:
    if not len(learnt.origins):
        return np.zeros(len(origins))
    at = np.minimum(np.searchsorted(learnt.origins, origins), len(learnt.origins) - 1)
    return np.where(learnt.origins[at] == origins, learnt.errors[at], 0.0)


def wet_probability(expected: float, learnt: Fit, origin: int) -> float:
    """Probability that humidity reaches 90 % when `expected` is foreseen from `origin`.

    By the errors that the fit made from hours of the day like the origin's, on the last 60 days before it.
    """
    lag = origin - learnt.origins
    offset = (lag + DAY_H // 2) % DAY_H - DAY_H // 2
    alike = (np.abs(offset) <= NEAR_HOURS) & (lag < JUDGED_DAYS * DAY_H + learnt.horizon_h)
    errors = learnt.errors[alike]
    if not len(errors):
        return float(expected >= WET_HUMIDITY)
    return float(_normal_share((expected + errors - WET_HUMIDITY) / KERNEL).mean())


def _normal_share(z: FloatArray) -> FloatArray:
    """Standard normal distribution function by the logistic of Bowling et al. 2009 (error < 0.0002)."""
    share: FloatArray = 1 / (1 + np.exp(-np.clip(0.07056 * z**3 + 1.5976 * z, -60, 60)))
    return share


def _followed(values: FloatArray | None, drawn: IntArray, hours: int) -> FloatArray | None:
    """What was measured in the hours after each drawn origin; NaN where that is not known."""
    if values is None:
        return None
    if drawn[0] < 0:
        return np.full((len(drawn), hours), np.nan)
    course: FloatArray = values[drawn[:, None] + 1 + np.arange(hours)]
    return course
