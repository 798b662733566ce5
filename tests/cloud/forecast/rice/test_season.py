"""Wrong weather is refused or flagged before EPIRICE sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from cloud.forecast.errors import WeatherFault
from cloud.forecast.rice.season import Gaps, Wetness, run_season
from cloud.forecast.weather.files import read_daily
from cloud.forecast.weather.flags import Doubt
from cloud.forecast.weather.series import DailyWeather
from tests.cloud.forecast.reference import DATA

START = date(2000, 7, 1)


@pytest.fixture(scope="module")
def irri() -> DailyWeather:
    return read_daily(DATA / "epirice_weather_IRRI_2000wet.csv")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda w: replace(w, humidity=w.humidity / 100), "fraction 0–1"),
        (lambda w: replace(w, temperature=w.temperature * 1.8 + 32), "Fahrenheit"),
        (lambda w: replace(w, temperature=w.temperature + 273.15), "kelvin"),
        (
            lambda w: replace(w, rain=np.where(w.rain == w.rain[3], -999.0, w.rain)),
            "code for a missing value",
        ),
        (
            lambda w: replace(w, humidity=np.where(w.humidity == w.humidity[3], 160.0, w.humidity)),
            "outside 0 to 105",
        ),
    ],
)
def test_wrong_units_and_codes_are_refused(
    irri: DailyWeather, spoil: Callable[[DailyWeather], DailyWeather], message: str
) -> None:
    with pytest.raises(WeatherFault, match=message):
        run_season(spoil(irri), "leaf_blast", START)


def test_missing_days_are_refused_by_name(irri: DailyWeather) -> None:
    wet_days = 60 + np.flatnonzero(irri.humidity[60:] >= 90)[:2]
    keep = np.ones(len(irri.days), dtype=bool)
    keep[wet_days] = False
    holed = DailyWeather(irri.days[keep], irri.temperature[keep], irri.humidity[keep], irri.rain[keep])
    with pytest.raises(WeatherFault, match=f"temperature: 2 of 121 days, first {irri.days[wet_days[0]]}"):
        run_season(holed, "brown_spot", START)
    whole = run_season(irri, "brown_spot", START)
    dry = run_season(holed, "brown_spot", START, gaps=Gaps.DRY)
    assert int(dry.epidemic.unknown.sum()) == 2
    assert [flag.doubt for flag in dry.flags] == [Doubt.GAPS] * 3
    assert float(dry.epidemic.audpc) < float(whole.epidemic.audpc)


def test_season_beyond_the_weather_is_refused(irri: DailyWeather) -> None:
    with pytest.raises(WeatherFault, match="days without values"):
        run_season(irri, "tungro", date(1999, 7, 1))


def test_wetness_hours_must_be_there_and_be_hours(irri: DailyWeather) -> None:
    with pytest.raises(WeatherFault, match="no column of wetness hours"):
        run_season(irri, "leaf_blast", START, wetness=Wetness.HOURS)
    minutes = replace(irri, wet_hours=np.full(len(irri.days), 600.0))
    with pytest.raises(WeatherFault, match="wet hours: 600"):
        run_season(minutes, "leaf_blast", START, wetness=Wetness.HOURS)


def test_frozen_sensor_and_rain_in_metres_are_flagged(irri: DailyWeather) -> None:
    temperature = irri.temperature.copy()
    temperature[30:36] = temperature[30]
    season = run_season(replace(irri, temperature=temperature, rain=irri.rain / 1000), "leaf_blast", START)
    flags = {flag.doubt: flag for flag in season.flags}
    assert (flags[Doubt.FROZEN].count, flags[Doubt.FROZEN].since) == (6, "2000-07-31")
    assert flags[Doubt.RAIN_UNIT].count > 20
    assert "6 giá trị" in flags[Doubt.FROZEN].text.vi
    humidity = irri.humidity.copy()
    humidity[10:15] = 94.0
    (flag,) = run_season(replace(irri, humidity=humidity), "leaf_blast", START).flags
    assert (flag.doubt, flag.what, flag.count) == (Doubt.FROZEN, "humidity", 5)
