"""Checks of hourly weather."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cloud.forecast.errors import WeatherFault
from cloud.forecast.weather.checks import check_hourly
from cloud.forecast.weather.flags import Doubt
from cloud.forecast.weather.series import HourlyWeather

HOURS = np.datetime64("2026-07-01T00", "h") + np.arange(240)


def tropical(utc_offset_missing_h: int = 0) -> HourlyWeather:
    """Ten days, warmest at 14 h; with the offset missing, the same written by a clock that runs behind."""
    clock = np.arange(240) % 24 + utc_offset_missing_h
    wave = np.cos((clock - 14) / 24 * 2 * np.pi)
    wobble = np.random.default_rng(3).normal(0, 0.2, 240)
    return HourlyWeather(HOURS, 27 + 4 * wave + wobble, 80 - 12 * wave + wobble, rain=np.zeros(240))


def doubts(weather: HourlyWeather) -> list[Doubt]:
    return [flag.doubt for flag in check_hourly(weather)]


def test_good_weather_has_no_flag() -> None:
    assert check_hourly(tropical()) == []


def test_utc_clock_is_noticed() -> None:
    (flag,) = check_hourly(tropical(utc_offset_missing_h=7))
    assert (flag.doubt, flag.count) == (Doubt.TIME_ZONE, 7)
    assert "7 giờ" in flag.text.vi


def test_no_verdict_on_the_clock_from_two_days_or_a_flat_wave() -> None:
    short = tropical(7)
    assert doubts(replace(short, temperature=np.where(np.arange(240) < 60, short.temperature, np.nan))) == [
        Doubt.GAPS
    ]
    level = replace(short, temperature=27 + np.random.default_rng(5).normal(0, 0.2, 240))
    assert doubts(level) == []


def test_frozen_sensors() -> None:
    weather = tropical()
    stuck = weather.temperature.copy()
    stuck[100:112] = stuck[100]
    (flag,) = check_hourly(replace(weather, temperature=stuck))
    assert (flag.doubt, flag.what, flag.count, flag.since) == (
        Doubt.FROZEN,
        "temperature",
        12,
        "2026-07-05T04",
    )
    damp = weather.humidity.copy()
    damp[20:60] = 100.0  # a wet night and day at saturation is weather
    assert check_hourly(replace(weather, humidity=damp)) == []
    damp[20:70] = 100.0
    assert doubts(replace(weather, humidity=damp)) == [Doubt.FROZEN]
    damp[20:70] = weather.humidity[20:70]
    damp[20:44] = 94.0  # would call a whole day wet
    assert doubts(replace(weather, humidity=damp)) == [Doubt.FROZEN]


def test_gaps_are_counted_by_column() -> None:
    weather = tropical()
    holed = weather.humidity.copy()
    holed[[5, 6, 90]] = np.nan
    (flag,) = check_hourly(replace(weather, humidity=holed))
    assert (flag.doubt, flag.what, flag.count, flag.since) == (Doubt.GAPS, "humidity", 3, "2026-07-01T05")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"humidity": np.full(240, 0.87)}, "fraction"),
        ({"temperature": np.full(240, 81.0)}, "Fahrenheit"),
        ({"wind": np.full(240, -1.0)}, "wind: -1"),
        ({"wetness": np.full(240, 60.0)}, "wetness: 60"),
    ],
)
def test_what_cannot_be_right_is_refused(change: dict[str, np.ndarray], message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(WeatherFault, match=message):
        check_hourly(replace(tropical(), **change))


def test_a_record_is_laid_on_every_hour() -> None:
    hours = HOURS[[0, 1, 4]]
    weather = HourlyWeather.regular(hours, np.array([25.0, 26, 27]), np.array([90.0, 91, 92]))
    np.testing.assert_array_equal(weather.temperature, [25, 26, np.nan, np.nan, 27])
    assert weather.wind is None
    with pytest.raises(WeatherFault, match="do not rise at 2026-07-01T01"):
        HourlyWeather.regular(HOURS[[1, 1]], np.ones(2), np.ones(2))
    with pytest.raises(WeatherFault, match="no row"):
        HourlyWeather.regular(HOURS[:0], np.ones(0), np.ones(0))
