"""BLASTAM: its table, its classes, its wet periods."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cloud.forecast.errors import ModelInputFault
from cloud.forecast.rice.blastam import Verdict, daily_verdicts, judge, wet_hours_needed, wet_periods
from cloud.forecast.weather.series import HourlyWeather
from tests.cloud.forecast.reference import text

TABLE = json.loads(text("blastam_table.json"))
PAIRS = list(zip(TABLE["temp_c"], TABLE["min_wet_h"], strict=True))


@pytest.mark.parametrize(("temperature", "hours"), PAIRS)
def test_every_entry_of_the_table(temperature: float, hours: float) -> None:
    assert wet_hours_needed(temperature) == hours
    assert judge(hours, temperature, 22) is Verdict.FAVOURABLE
    assert judge(hours - 1, temperature, 22) is Verdict.SEMI_4


@pytest.mark.parametrize(
    ("wet_h", "wet_temperature", "five_days", "verdict"),
    [
        (12, 22, 20.0, Verdict.FAVOURABLE),
        (12, 22, 24.9, Verdict.FAVOURABLE),
        (12, 22, 19.9, Verdict.SEMI_1),
        (12, 22, 25.0, Verdict.SEMI_2),
        (12, 25.1, 22, Verdict.SEMI_3),
        (12, 14.9, 22, Verdict.SEMI_3),
        (12, 17, 22, Verdict.SEMI_4),
        (9, 26, 22, Verdict.NONE),
        (9, 22, 26, Verdict.NONE),
        (0, np.nan, 22, Verdict.NONE),
        (12, np.nan, 22, Verdict.UNKNOWN),
        (12, 22, np.nan, Verdict.UNKNOWN),
        (np.nan, 22, 22, Verdict.UNKNOWN),
    ],
)
def test_classes(wet_h: float, wet_temperature: float, five_days: float, verdict: Verdict) -> None:
    assert judge(wet_h, wet_temperature, five_days) is verdict


def test_between_the_degrees_of_the_table() -> None:
    assert wet_hours_needed(15.5) == 16
    assert np.isnan(wet_hours_needed(25.01))


def test_what_breaks_a_wet_period() -> None:
    count = 24
    wet, wind, rain = np.ones(count), np.ones(count), np.zeros(count)
    wet[3] = 0
    wet[6] = np.nan
    wind[9] = 3.1
    rain[12] = 4
    rain[15:18] = 3  # the first of the three hours does not break yet
    wind[21] = np.nan
    hours = np.datetime64("2026-07-01T00", "h") + np.arange(count)
    found = wet_periods(hours, wet, np.full(count, 22.0), wind, rain)
    assert [int((each.start - hours[0]).astype(int)) for each in found] == [0, 4, 7, 10, 13, 18, 22]
    assert [each.hours for each in found] == [3, 2, 2, 2, 3, 3, 2]


def record() -> HourlyWeather:
    """Seven days of 22 °C from midnight."""
    count = 7 * 24
    return HourlyWeather(
        hours=np.datetime64("2026-07-01T00", "h") + np.arange(count),
        temperature=np.full(count, 22.0),
        humidity=np.full(count, 85.0),
        wind=np.ones(count),
        rain=np.zeros(count),
    )


def test_days_of_a_record() -> None:
    weather = record()
    wet = np.zeros(len(weather.hours))
    wet[24 * 5 + 19 : 24 * 6 + 7] = 1  # the night to the 7th: 12 h
    wet[24 * 4 + 22 : 24 * 5 + 4] = 1  # the night to the 6th: 6 h
    verdicts = {str(each.day): each for each in daily_verdicts(weather, wet)}
    assert verdicts["2026-07-07"].verdict is Verdict.FAVOURABLE
    assert verdicts["2026-07-07"].period is not None
    assert verdicts["2026-07-07"].period.hours == 12
    assert verdicts["2026-07-06"].verdict is Verdict.SEMI_4
    assert verdicts["2026-07-05"].verdict is Verdict.NONE
    # Half of the first wet day lies before the record, half of the last after it.
    assert verdicts["2026-07-01"].verdict is Verdict.UNKNOWN
    assert verdicts["2026-07-08"].verdict is Verdict.UNKNOWN


def test_a_day_with_many_unknown_hours_is_unknown_unless_the_rest_suffices() -> None:
    weather = record()
    wet = np.zeros(len(weather.hours))
    wet[24 * 5 + 12 : 24 * 5 + 20] = np.nan
    by_day = {str(each.day): each.verdict for each in daily_verdicts(weather, wet)}
    assert by_day["2026-07-07"] is Verdict.UNKNOWN
    wet[24 * 5 + 20 : 24 * 6 + 8] = 1
    by_day = {str(each.day): each.verdict for each in daily_verdicts(weather, wet)}
    assert by_day["2026-07-07"] is Verdict.FAVOURABLE


def test_wind_and_rain_are_needed() -> None:
    weather = record()
    for lacking in (replace(weather, wind=None), replace(weather, rain=None)):
        with pytest.raises(ModelInputFault, match="wind and rain"):
            daily_verdicts(lacking, np.zeros(len(weather.hours)))
